"""The ceiling: bare uvicorn, an ASGI callable that reads the request and returns constant JSON.

uvicorn benchmarks.serving.bare:app
"""

from typing import Any

BODY = (
    b'{"id":"019ab1de-7c00-7f3a-8a5e-0c1d2e3f4a5b","model":"sha256:' + b"0" * 64 + b'",'
    b'"prediction":"false","probability":0.123456789}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the body and answer."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
