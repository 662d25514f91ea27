"""Reads a request's body within its bounds: a declared type and length first, then what really arrives.

Bodies that arrive in pieces share one budget of memory, so that many slow clients together cannot fill it. What is
refused is read to its end first, and dropped: where the connection then closes, bytes that nobody has read reset it,
and the client, or the edge before it, may never see the answer.
"""

from collections.abc import Mapping

from starlette.types import Message, Receive

from service.http.load_shedding import Admission, refused_for_now
from service.http.problems import CLOSE, NOT_JSON_TYPE, TOO_LARGE, Problem

MAX_PENDING_BYTES = 64 * 1024 * 1024
# The name, and what clients call it besides; US-ASCII is a part of it.
UTF_8 = (b"utf-8", b"utf8", b"us-ascii")
# Of a body that is refused, so many times MAX_BODY_BYTES are read and dropped before it is refused.
FORGOTTEN_TIMES = 4


class Disconnected(Exception):  # noqa: N818 — not an error: the client has gone
    """The client went away before its request was whole."""


class BodyReader:
    """Reads bodies, and tells the admission which requests are still arriving."""

    def __init__(self, admission: Admission, most_bytes: int) -> None:
        """`most_bytes`: the largest body that is read, on whatever route."""
        self._most_bytes = most_bytes
        self._admission = admission
        self._turns = admission.turns
        self._pending_bytes = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int) -> bytes:
        """The body of a request, when it is whole and its turn. Raises Problem for too many bytes, and Disconnected."""
        max_bytes = min(max_bytes, self._most_bytes)
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > max_bytes:
            raise Problem(TOO_LARGE, headers=() if await self.forget(receive, headers) else CLOSE)
        self._admission.reading += 1
        try:
            message = await receive()
            if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= max_bytes:
                body: bytes = message["body"]
            else:
                body = await self._read_in_pieces(message, receive, headers, max_bytes)
        finally:
            self._admission.reading -= 1
        if not self._turns.have_room():
            await self._admission.wait_for_a_turn()
        return body

    async def forget(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bool:
        """Read what is still to come of a body, and drop it. False where it is too much, or waits to be asked for."""
        length = headers.get(b"content-length", b"0" if b"transfer-encoding" not in headers else b"1")
        left = FORGOTTEN_TIMES * self._most_bytes
        if int(length) > left or b"expect" in headers:
            return False
        more = int(length) > 0
        self._admission.reading += 1
        try:
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)
        finally:
            self._admission.reading -= 1
        return not more

    async def _read_in_pieces(
        self, message: Message, receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int
    ) -> bytes:
        pieces = bytearray()
        try:
            while message["type"] == "http.request":
                pieces += message["body"]
                self._pending_bytes += len(message["body"])
                if len(pieces) > max_bytes:
                    is_whole = not message["more_body"] or await self.forget(receive, headers)
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


def refuse_another_type(headers: Mapping[bytes, bytes]) -> None:
    """Raises Problem unless the body is said to be plain JSON."""
    content_type = headers.get(b"content-type", b"")
    if (content_type != b"application/json" and not is_json(content_type)) or is_compressed(headers):
        raise Problem(NOT_JSON_TYPE)


def refuse_compression(headers: Mapping[bytes, bytes]) -> None:
    """Raises Problem where the body is compressed, for routes that read more types than JSON."""
    if is_compressed(headers):
        raise Problem(NOT_JSON_TYPE)


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type says JSON in UTF-8. What other parameters say is nothing to us (RFC 9110, section 8.3)."""
    kind, *parameters = content_type.lower().split(b";")
    named = dict(_parameter(one) for one in parameters)
    return kind.strip() == b"application/json" and named.get(b"charset", b"utf-8") in UTF_8


def _parameter(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b"=")
    return name.strip(), value.strip().strip(b'"')


def is_compressed(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body is encoded in any way; `identity` says that it is not."""
    return headers.get(b"content-encoding", b"").strip().lower() not in (b"", b"identity")
