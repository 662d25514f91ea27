"""Python requests as it comes."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import requests

url, folder = sys.argv[1], Path(sys.argv[2])
row, rows = json.loads((folder / "row.json").read_bytes()), (folder / "rows.json").read_bytes()
print("version", version("requests"))
with requests.Session() as client:
    client.trust_env = False
    print("get", client.get(f"{url}/livez").status_code)
    print("head", client.head(f"{url}/model").status_code)
    made = client.post(f"{url}/predict", json=row)
    print("predict", made.status_code)
    kind = {"Content-Type": "application/json"}
    print("batch", client.post(f"{url}/predict/batch", data=rows, headers=kind).status_code)
    print("chunked", client.post(f"{url}/predict/batch", data=iter([rows]), headers=kind).status_code)
    print("too-large", client.post(f"{url}/predict", data=bytes(3_000_000), headers=kind).status_code)
    label = {"id": made.json()["id"], "actual": True}
    print("feedback", client.post(f"{url}/feedback", json={"labels": [label]}).status_code)
