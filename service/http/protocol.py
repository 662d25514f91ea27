"""Limits on each connection, which uvicorn's HTTP protocol does not have: slow requests, large headers, unread answers.

Headers must be whole `header_seconds` after the connection or the request began, a body `body_seconds` after its
headers; headers may have 16 KiB. A request beyond these limits is answered with a problem detail, and the connection
is closed. Load shedding refuses a request by its headers alone (load_shedding.py) and skips its body. Of a body whose
request was answered, `most_discarded` bytes are read. A client must read its answers (unread_answers.py). Answers keep
the order of the requests: a refusal waits until those before it are answered (RFC 9112, 9.3.2).

An `Upgrade` to another protocol is ignored, as RFC 9110 (7.8) allows: Java's HttpClient offers one by default.
"""

import asyncio
import random
import sys
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.http.load_shedding import RETRY_AFTER_SECONDS, Admission, refused_for_now
from service.http.problems import BAD_REQUEST, CLOSE, HEADERS_TOO_LARGE, OVERLOADED, TOO_SLOW, Kind, Problem
from service.http.server import Readiness
from service.http.unread_answers import UnreadAnswers
from service.http.write_coalescing import GatheredTransport, Outbox
from service.metrics import Metrics

MAX_HEADER_BYTES = 16 * 1024
ARRIVED = "gatehouse.arrived"
# The metrics' route for requests that match none, and for bytes that are no request.
UNMATCHED = "(none)"
MALFORMED = "(malformed)"
# While a body arrives: it has its own limits.
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
        self,
        *arguments: Any,
        deadlines: Deadlines,
        readiness: Readiness,
        admission: Admission,
        outbox: Outbox,
        unread: UnreadAnswers,
        metrics: Metrics,
        most_discarded: int,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._outbox = outbox
        self._unread = unread
        self._readiness = readiness
        self._admission = admission
        self._deadlines = deadlines
        self._metrics = metrics
        self._timer: asyncio.TimerHandle | None = None
        self._awaits_headers = True
        self._room_for_headers: int = MAX_HEADER_BYTES
        self._message_ended = False
        self._most_discarded = most_discarded
        self._discarded = 0
        self._bytes_in_read = 0
        self._began_within_a_read = False
        self._is_head_too_large = False
        # A refusal that waits for earlier answers. What arrives after it is not read.
        self._refusal: Kind | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # never UDP
        self._gathered = GatheredTransport(transport, self._outbox)
        super().connection_made(self._gathered)
        self._start_timer(self._deadlines.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._unread.discard(self._gathered)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.add(self._gathered)

    def resume_writing(self) -> None:
        self._unread.discard(self._gathered)
        super().resume_writing()

    def on_url(self, url: bytes) -> None:
        # RFC 9112 (3.2) allows no fragment. uvicorn drops it, so a proxy would see another path than the service.
        if b"#" in url:
            raise ValueError("a fragment in a request's target")
        super().on_url(url)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # _parse feeds it again without `Upgrade`
        # data_received measures a head that begins with a read; one that begins within it is measured here.
        is_measured = self._bytes_in_read <= MAX_HEADER_BYTES and not self._began_within_a_read
        self._began_within_a_read = False
        if not is_measured and _bytes_of(self.headers) > MAX_HEADER_BYTES:
            self._is_head_too_large = True
            self._awaits_headers = True  # the refusal answers this request, not the one whose body has just ended
            raise ValueError("headers beyond their limit")
        self._discarded = 0
        # The end of a refused request in the same read may have set it.
        self._unset_keepalive_if_required()
        path = self.url.partition(b"?")[0].decode("latin-1")
        if self._is_idle() and self._admission.sheds(path):
            self._refuse_for_now(path)
            return
        self.scope[ARRIVED] = perf_counter()  # type: ignore[literal-required]  # a key of our own
        super().on_headers_complete()
        if self._readiness.is_draining and self.cycle is not None:
            # uvicorn then sends `connection: close`, so the client's next request goes elsewhere.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._message_ended = True
        if self.parser.should_upgrade():
            return
        if isinstance(self.cycle, _Refused):
            self._end_refused(self.cycle)
        elif self.cycle.response_complete:
            # It was answered before its body was whole, of which uvicorn takes no note: wait for the next request.
            self.cycle.more_body = False
            self.on_response_complete()
        else:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        if len(data) > self._room_for_headers and data.find(END_OF_HEADERS, 0, self._room_for_headers) < 0:
            self.refuse(HEADERS_TOO_LARGE)
            return
        self._message_ended = False
        self._bytes_in_read = len(data)
        self._parse(data)
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            # How much of a read belongs to a head that begins in it is not known: such a head has its whole room yet.
            self._room_for_headers = MAX_HEADER_BYTES if self._message_ended else self._room_for_headers - len(data)
            self._began_within_a_read |= self._message_ended
            self._wait_for(headers=True)
        elif cycle.more_body:
            self._room_for_headers = UNBOUNDED
            self._wait_for(headers=False)
            if cycle.response_started:
                self._bound_discarded(len(data))
        elif self._timer is not None:
            self._stop_timer()
            self._awaits_headers = True
            self._room_for_headers = MAX_HEADER_BYTES

    def _parse(self, data: bytes) -> None:
        """Feed the parser. uvicorn's own method loses the body of a request with `Upgrade`.

        The parser stops after such a head and would read its body as a new request. So a new parser reads the head
        again without that header, and then the body.
        """
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while True:
                try:
                    self.parser.feed_data(rest)
                    return
                except httptools.HttpParserUpgrade as stop:
                    rest = rest[stop.args[0] :]
                    head = self._head_without_upgrade()
                    # A new one, because a parser that has seen `Connection: close` reads no more.
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
                    self.parser.feed_data(head)
        except httptools.HttpParserError:
            self.refuse(HEADERS_TOO_LARGE if self._is_head_too_large else BAD_REQUEST)

    def _head_without_upgrade(self) -> bytes:
        """The head that the parser has just read. Raises HttpParserError for CONNECT, which no request follows."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("no tunnels here")
        version = self.parser.get_http_version().encode()
        kept = [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(kept))

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

    def _bound_discarded(self, count: int) -> None:
        """Close where a client goes on sending a body whose request was answered: in chunks it has no stated length."""
        self._discarded += count
        if self._discarded > self._most_discarded:
            self._stop_timer()
            self.transport.close()

    def _is_idle(self) -> bool:
        """Whether every earlier request of this connection was answered."""
        return self.cycle is None or self.cycle.response_complete

    def _refuse_for_now(self, path: str) -> None:
        """Answer 503 without an ASGI task, at a third of its cost. The connection stays open."""
        # It has every attribute that uvicorn reads of an answered request, which mypy cannot know.
        self.cycle = _Refused(self.scope, closes=not self.parser.should_keep_alive())  # type: ignore[assignment]
        self.transport.write(random.choice(_FOR_NOW))
        self._metrics.refusals.add(OVERLOADED.slug)
        self._metrics.requests.add(path if (path, "5xx") in self._metrics.requests.values else UNMATCHED, "5xx")

    def _end_refused(self, refused: "_Refused") -> None:
        """The whole refused request was read, so closing no longer resets the answer: wait for the next, or close."""
        refused.more_body = False
        if refused.closes:
            self.transport.close()
        else:
            self.on_response_complete()

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and self._refusal is not None and not self.transport.is_closing():
            self._say(self._refusal)

    def refuse(self, kind: Kind) -> None:
        """Answer with a problem detail, unless an answer has begun, and close; earlier requests are answered first."""
        self._stop_timer()
        if self.transport.is_closing() or self._refusal is not None:
            return
        if self._others_come_first():
            self._refusal = kind
            # What is refused may be queued already, by its head; its body will never be whole.
            self.pipeline = deque(one for one in self.pipeline if not one[0].more_body)
            self.flow.pause_reading()
        # A request that was answered already gets no second answer.
        elif self._awaits_headers or not self.cycle.response_started:
            self._say(kind)
        else:
            self.transport.close()

    def _others_come_first(self) -> bool:
        """Whether a request before the one that is read now has no whole answer yet."""
        if self._is_idle():
            return False
        return not self.cycle.more_body or any(cycle is self.cycle for cycle, _ in self.pipeline)

    def _say(self, kind: Kind) -> None:
        self.transport.write(_on_the_wire(Problem(kind, headers=CLOSE)))
        self._metrics.refusals.add(kind.slug)
        self._metrics.requests.add(MALFORMED, "4xx")
        self.transport.close()


def _bytes_of(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)


def _on_the_wire(problem: Problem) -> bytes:
    """A whole HTTP answer."""
    answer = problem.answer()
    headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body)), *answer.headers]
    head = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"%b%b\r\n%b" % (STATUS_LINE[answer.status], head, answer.body)


# Made once, because overload sends little else.
_FOR_NOW = tuple(_on_the_wire(refused_for_now(seconds)) for seconds in RETRY_AFTER_SECONDS)


class _Refused:
    """A request that was refused by its headers, in place of uvicorn's RequestResponseCycle.

    `more_body`: its body is still arriving; `closes`: the connection closes after it.
    """

    response_started = response_complete = True
    message_event = asyncio.Event()  # never waited for

    def __init__(self, scope: object, closes: bool) -> None:
        self.scope = scope
        self.closes = closes
        self.more_body = True
