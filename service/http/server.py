"""A uvicorn server that logs where it listens, and shuts down without losing a request.

On SIGTERM or SIGINT /readyz turns to 503 at once. The service goes on answering for the drain delay, in which load
balancers see that. Then it accepts no new connection, finishes the requests at work, and exits 0. A second signal skips
the delay.
"""

import socket
import time
from types import FrameType

import uvicorn

from service.logs import say

ACCEPTS_PER_ITERATION = 16
# Without a limit the kernel buffers megabytes of unread answers per connection. It doubles the size set here.
SEND_BUFFER_BYTES = 128 * 1024


class Readiness:
    """Whether /readyz says yes."""

    def __init__(self) -> None:
        self.is_draining = False

    def __call__(self) -> bool:
        return not self.is_draining


class Server(uvicorn.Server):
    """uvicorn, with a drain delay between the signal and the end."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_seconds: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._leave_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([copy for one in sockets or () for copy in _copies_of(one)])
        for one in sockets or ():
            host, port = one.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            say("listening", host=host, port=port, url=f"http://{shown}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 — uvicorn's signature
        """A signal arrived."""
        if self._readiness.is_draining:
            self._leave_at = time.monotonic()
            return
        self._readiness.is_draining = True
        self._leave_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _copies_of(listener: socket.socket) -> list[socket.socket]:
    """uvloop accepts one connection per iteration from each: a new health check must not wait behind hundreds."""
    return [listener, *(listener.dup() for _ in range(ACCEPTS_PER_ITERATION - 1))]


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `::` also accepts IPv4 where the system supports both. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=both)
    # Accepted connections inherit this.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listener
