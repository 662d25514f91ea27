"""A service that answers as ours does, but for one planted fault: `python misbehaving_service.py FAULT`."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from scoring.scorer import load_scorer

FAULT = sys.argv[1]
SCORER = load_scorer(Path(os.environ["MODEL_DIR"]))
EVERY = 100
STALL_AT, STALL_SECONDS = 60, 0.5
SLOW_SECONDS = 0.02
# Several times what an answer costs, so that it shows beside whatever else the machine does.
BURNT_SECONDS = 0.01
LEAKED_BYTES = 200_000

seen = 0
kept: list[bytearray] = []


def answer(body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and document for one row."""
    global seen
    seen += 1
    if FAULT == "one in a hundred fails" and seen % EVERY == 0:
        return 500, {}
    if FAULT == "stalls" and seen == STALL_AT:
        time.sleep(STALL_SECONDS)
    if FAULT == "dies" and seen == STALL_AT:
        print("out of luck", flush=True)
        os._exit(7)
    if FAULT == "slow":
        time.sleep(SLOW_SECONDS)
    if FAULT == "leaks":
        kept.append(bytearray(b"x" * LEAKED_BYTES))
    if FAULT == "burns":
        until = time.thread_time() + BURNT_SECONDS
        while time.thread_time() < until:
            pass
    probability = float(SCORER.predict(SCORER.encoder.rows([json.loads(body)]))[0, 1])
    is_late = probability >= (SCORER.card.threshold or 0.5)
    if FAULT == "wrong prediction":
        is_late = not is_late
    if FAULT == "wrong probability":
        probability = min(1.0, probability + 0.001)
    model = "sha256:" + "e" * 64 if FAULT == "another model" else SCORER.digest
    return 200, {
        "id": str(seen), "model": model, "prediction": SCORER.card.classes[is_late], "probability": probability,
    }  # fmt: skip


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, document = answer(body) if scope["path"] == "/predict" else (200, {})
    if scope["path"] == "/readyz" and FAULT == "never ready":
        status = 503
    content = json.dumps(document).encode()
    length = len(content) + (10 if FAULT == "cut off" and scope["path"] == "/predict" else 0)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % length)]})
    await send({"type": "http.response.body", "body": content})


def main() -> None:
    if FAULT == "does not start":
        sys.exit("no such luck")
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"event": "listening", "url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False))
    asyncio.run(server.serve([listening]))


main()
