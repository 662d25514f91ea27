"""What arrives on a connection, within its bounds: uvicorn's HTTP protocol has none for slow or large headers.

Headers must be whole `header_seconds` after the connection or the request began, a body `body_seconds` after its
headers; headers may have 16 KiB. What does not keep to that is answered with a problem detail and closed.
"""

import asyncio
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.metrics import Metrics
from service.problems import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_SLOW, Kind, Problem
from service.readiness import Readiness

MAX_HEADER_BYTES = 16 * 1024
ARRIVED = "gatehouse.arrived"
MALFORMED = "(malformed)"
# While a body arrives, within bounds of its own.
UNBOUNDED = sys.maxsize
END_OF_HEADERS = b"\r\n\r\n"


@dataclass(frozen=True)
class Deadlines:
    """How long a request may take to arrive, in seconds."""

    header_seconds: float
    body_seconds: float


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Adds `scope[ARRIVED]`, the time (perf_counter) at which its headers were whole."""

    def __init__(
        self, *arguments: Any, deadlines: Deadlines, readiness: Readiness, metrics: Metrics, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._readiness = readiness
        self._deadlines = deadlines
        self._metrics = metrics
        self._timer: asyncio.TimerHandle | None = None
        self._awaits_headers = True
        self._room_for_headers: int = MAX_HEADER_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer(self._deadlines.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        self.scope[ARRIVED] = perf_counter()  # type: ignore[literal-required]
        super().on_headers_complete()
        if self._readiness.is_draining and self.cycle is not None:
            # uvicorn then says `connection: close`, and the client's next request goes elsewhere.
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        if len(data) > self._room_for_headers and data.find(END_OF_HEADERS, 0, self._room_for_headers) < 0:
            self.refuse(HEADERS_TOO_LARGE)
            return
        super().data_received(data)
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            self._room_for_headers -= len(data.rpartition(END_OF_HEADERS)[2])
            self._wait_for(headers=True)
        elif cycle.more_body:
            self._room_for_headers = UNBOUNDED
            self._wait_for(headers=False)
        elif self._timer is not None:
            self._stop_timer()
            self._awaits_headers = True
            self._room_for_headers = MAX_HEADER_BYTES

    def _wait_for(self, headers: bool) -> None:
        if self._timer is None or headers != self._awaits_headers:
            self._awaits_headers = headers
            self._start_timer(self._deadlines.header_seconds if headers else self._deadlines.body_seconds)

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.refuse, TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 — called by uvicorn when its parser fails
        self.refuse(BAD_REQUEST)

    def refuse(self, kind: Kind) -> None:
        """Answer with a problem detail, unless an answer has begun, and close."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        # Where only the rest of an answered request's body is missing, there is nothing to say.
        if self._awaits_headers or not self.cycle.response_started:
            answer = Problem(kind).answer()
            head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(
                STATUS_LINE[kind.status] + head % (answer.content_type, len(answer.body)) + answer.body
            )
            self._metrics.refusals.add(kind.slug)
            self._metrics.requests.add(MALFORMED, "4xx")
        self.transport.close()
