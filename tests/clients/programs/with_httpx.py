"""httpx as it comes."""

import json
import sys
from pathlib import Path

import httpx

url, folder = sys.argv[1], Path(sys.argv[2])
row, rows = json.loads((folder / "row.json").read_bytes()), (folder / "rows.json").read_bytes()
print("version", httpx.__version__)
with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
    print("get", client.get("/livez").status_code)
    print("head", client.head("/model").status_code)
    made = client.post("/predict", json=row)
    print("predict", made.status_code)
    kind = {"Content-Type": "application/json"}
    print("batch", client.post("/predict/batch", content=rows, headers=kind).status_code)
    print("chunked", client.post("/predict/batch", content=iter([rows]), headers=kind).status_code)
    print("too-large", client.post("/predict", content=bytes(3_000_000), headers=kind).status_code)
    label = {"id": made.json()["id"], "actual": True}
    print("feedback", client.post("/feedback", json={"labels": [label]}).status_code)
