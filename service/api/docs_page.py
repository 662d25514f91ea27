"""GET /docs: Swagger UI, served from here because many networks block content delivery networks."""

import asyncio
from collections.abc import AsyncIterator
from importlib import resources

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response, StreamingResponse

FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# No icon: the default one is on another server.
NO_ICON = "data:,"
PIECE_BYTES = 16 * 1024


def add_docs_page(app: FastAPI, root: str) -> None:
    """Add the page and the two files that it loads. `root`: the prefix under which a proxy serves this service."""
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=app.title,
        swagger_js_url=f"{root}/docs/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/swagger-ui.css",
        swagger_favicon_url=NO_ICON,
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    for name, media_type in FILES.items():
        _add_file(app, name, media_type)


def _add_file(app: FastAPI, name: str, media_type: str) -> None:
    content = (resources.files("fastapi_swagger") / "resources" / name).read_bytes()
    headers = {"cache-control": "max-age=86400", "content-length": f"{len(content)}"}

    @app.get(f"/docs/{name}", include_in_schema=False)
    async def file() -> Response:
        return StreamingResponse(_pieces(content), media_type=media_type, headers=headers)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """Each piece waits until the client has read the last: many slow clients must not fill the memory."""
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]
        # Writes are sent at the end of the iteration; only then is it known whether the client keeps up.
        await asyncio.sleep(0)
