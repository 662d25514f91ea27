"""Reads a request's body within its limits: checks the declared type and length, then the bytes that arrive.

Bodies that arrive in pieces share one memory budget, so many slow clients together cannot fill the memory. A refused
body is read to its end and discarded: closing a connection with unread bytes resets it, and then the client, or the
edge before it, may never see the answer. A request that its headers refuse is answered before that if its body pauses
or trickles, so a slow body cannot turn 401 into 408.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum, auto

from starlette.types import Message, Receive

from service.http.load_shedding import Admission, refused_for_now
from service.http.problems import CLOSE, NOT_JSON_TYPE, TOO_LARGE, Problem

MAX_PENDING_BYTES = 64 * 1024 * 1024
# The name, a common alias, and US-ASCII, which is a subset.
UTF_8 = (b"utf-8", b"utf8", b"us-ascii")
# A refused body is read and discarded up to this many times MAX_BODY_BYTES.
DISCARD_FACTOR = 4
# A refusal waits for a body that flows: an nginx that speaks HTTP/2 ends the request of a client that is still sending
# when the answer is there, and curl then takes the answer for an error. A body pauses if nothing comes for so long.
PAUSE_SECONDS = 0.5


class Disconnected(Exception):  # noqa: N818 — not an error: the client has gone
    """The client went away before its request was whole."""


class Flow(Enum):
    """What became of a refused body that was read for as long as it flowed."""

    WHOLE = auto()
    PAUSED = auto()
    TOO_LARGE = auto()


class BodyReader:
    """Reads bodies, and tells `Admission` how many are still arriving."""

    def __init__(self, admission: Admission, most_bytes: int, body_seconds: float) -> None:
        """`most_bytes`: the largest body on any route; `body_seconds`: what the connection gives a body."""
        self._most_bytes = most_bytes
        self._most_discarded = DISCARD_FACTOR * most_bytes
        self._body_seconds = body_seconds
        self._admission = admission
        self._slices = admission.slices
        self._pending_bytes = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int) -> bytes:
        """The whole body, once the request may be worked on. Raises Problem for too many bytes, and Disconnected."""
        max_bytes = min(max_bytes, self._most_bytes)
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > max_bytes:
            raise Problem(TOO_LARGE, headers=() if await self.discard(receive, headers) else CLOSE)
        self._admission.reading += 1
        try:
            message = await receive()
            if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= max_bytes:
                body: bytes = message["body"]
            else:
                body = await self._read_in_pieces(message, receive, headers, max_bytes)
        finally:
            self._admission.reading -= 1
        if not self._slices.have_room():
            await self._admission.wait_for_a_slice()
        return body

    async def discard(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bool:
        """Read the rest of a body and drop it. False if it is too large, or the client waits for `100 Continue`."""
        if not self.will_discard(headers):
            return False
        left = self._most_discarded
        more = _stated_bytes(headers) > 0
        self._admission.reading += 1
        try:
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)
        finally:
            self._admission.reading -= 1
        return not more

    def will_discard(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a refused body is read: not if it is too large, or the client waits for `100 Continue`."""
        return _stated_bytes(headers) <= self._most_discarded and b"expect" not in headers

    async def discard_while_it_flows(self, receive: Receive, headers: Mapping[bytes, bytes]) -> Flow:
        """Read a refused body until it pauses, half of its time is over, or it is too large."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._body_seconds / 2
        left = self._most_discarded
        more = _stated_bytes(headers) > 0
        self._admission.reading += 1
        try:
            async with asyncio.timeout_at(end) as deadline:
                while more:
                    if left < 0:
                        return Flow.TOO_LARGE
                    deadline.reschedule(min(end, loop.time() + PAUSE_SECONDS))
                    message = await receive()
                    left -= len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            return Flow.PAUSED
        finally:
            self._admission.reading -= 1
        return Flow.WHOLE

    async def discard_after_answer(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        """Read the rest of a body whose request was answered. The connection bounds its time and its bytes."""
        more = _stated_bytes(headers) > 0
        self._admission.reading += 1
        try:
            while more:
                more = (await receive()).get("more_body", False)
        finally:
            self._admission.reading -= 1

    async def _read_in_pieces(
        self, message: Message, receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int
    ) -> bytes:
        pieces = bytearray()
        try:
            while message["type"] == "http.request":
                pieces += message["body"]
                self._pending_bytes += len(message["body"])
                if len(pieces) > max_bytes:
                    is_whole = not message["more_body"] or await self.discard(receive, headers)
                    raise Problem(TOO_LARGE, headers=() if is_whole else CLOSE)
                if self._pending_bytes > MAX_PENDING_BYTES:
                    raise refused_for_now()
                if not message["more_body"]:
                    self._admission.refuse_full()
                    return bytes(pieces)
                message = await receive()
            raise Disconnected
        finally:
            self._pending_bytes -= len(pieces)


def _stated_bytes(headers: Mapping[bytes, bytes]) -> int:
    """The body's length by its headers; 1 where it is sent in chunks."""
    return int(headers.get(b"content-length", b"0" if b"transfer-encoding" not in headers else b"1"))


def refuse_another_type(headers: Mapping[bytes, bytes]) -> None:
    """Raises Problem unless the headers declare uncompressed JSON."""
    content_type = headers.get(b"content-type", b"")
    if (content_type != b"application/json" and not is_json(content_type)) or is_compressed(headers):
        raise Problem(NOT_JSON_TYPE)


def refuse_compression(headers: Mapping[bytes, bytes]) -> None:
    """Raises Problem for a compressed body, on routes that read more types than JSON."""
    if is_compressed(headers):
        raise Problem(NOT_JSON_TYPE)


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type is JSON in UTF-8. Other parameters are ignored (RFC 9110, section 8.3)."""
    kind, *parameters = content_type.lower().split(b";")
    named = dict(_parameter(one) for one in parameters)
    return kind.strip() == b"application/json" and named.get(b"charset", b"utf-8") in UTF_8


def _parameter(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b"=")
    return name.strip(), value.strip().strip(b'"')


def is_compressed(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body has a content coding other than `identity`."""
    return headers.get(b"content-encoding", b"").strip().lower() not in (b"", b"identity")
