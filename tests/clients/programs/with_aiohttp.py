"""aiohttp as it comes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

url, folder = sys.argv[1], Path(sys.argv[2])
row, rows = json.loads((folder / "row.json").read_bytes()), (folder / "rows.json").read_bytes()
print("version", aiohttp.__version__)


async def pieces() -> AsyncIterator[bytes]:
    """A body of unknown length."""
    yield rows


async def main() -> None:
    """All calls on one session."""
    kind = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(url) as client:
        print("get", (await client.get("/livez")).status)
        print("head", (await client.head("/model")).status)
        made = await client.post("/predict", json=row)
        print("predict", made.status)
        print("batch", (await client.post("/predict/batch", data=rows, headers=kind)).status)
        print("chunked", (await client.post("/predict/batch", data=pieces(), headers=kind)).status)
        print("too-large", (await client.post("/predict", data=bytes(3_000_000), headers=kind)).status)
        label = {"id": (await made.json())["id"], "actual": True}
        print("feedback", (await client.post("/feedback", json={"labels": [label]})).status)


asyncio.run(main())
