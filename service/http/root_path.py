"""Removes ROOT_PATH, the prefix under which a proxy serves this service, where the proxy has not removed it.

So both kinds of proxy work, and keys, routes and metrics see one path for each route.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class BelowRoot:
    """ASGI middleware. `root` begins with a slash and does not end with one."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, raw = scope.get("path", ""), scope.get("raw_path", b"")
        prefix = self._root.encode()
        if path.startswith(f"{self._root}/") and raw.startswith(prefix + b"/"):
            scope = {**scope, "path": path[len(self._root) :], "raw_path": raw[len(prefix) :]}
        await self._app(scope, receive, send)
