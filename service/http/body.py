"""Reads a request's body within its bounds: a declared type and length first, then what really arrives.

Bodies that arrive in pieces share one budget of memory, so that many slow clients together cannot fill it.
"""

from collections.abc import Mapping

from starlette.types import Message, Receive

from service.http.load_shedding import Admission, refused_for_now
from service.http.problems import CLOSE, NOT_JSON_TYPE, TOO_LARGE, Problem

MAX_PENDING_BYTES = 64 * 1024 * 1024


class Disconnected(Exception):  # noqa: N818 — not an error: the client has gone
    """The client went away before its request was whole."""


class BodyReader:
    """Reads bodies, and tells the admission which requests are still arriving."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._turns = admission.turns
        self._pending_bytes = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int) -> bytes:
        """The body of a request, when it is whole and its turn. Raises Problem for too many bytes, and Disconnected."""
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > max_bytes:
            raise Problem(TOO_LARGE, headers=CLOSE)
        self._admission.reading += 1
        try:
            message = await receive()
            if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= max_bytes:
                body: bytes = message["body"]
            else:
                body = await self._read_in_pieces(message, receive, max_bytes)
        finally:
            self._admission.reading -= 1
        if not self._turns.have_room():
            await self._admission.wait_for_a_turn()
        return body

    async def _read_in_pieces(self, message: Message, receive: Receive, max_bytes: int) -> bytes:
        pieces = bytearray()
        try:
            while message["type"] == "http.request":
                pieces += message["body"]
                self._pending_bytes += len(message["body"])
                if len(pieces) > max_bytes:
                    raise Problem(TOO_LARGE, headers=CLOSE)
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
    if (content_type != b"application/json" and not is_json(content_type)) or b"content-encoding" in headers:
        raise Problem(NOT_JSON_TYPE)


def refuse_compression(headers: Mapping[bytes, bytes]) -> None:
    """Raises Problem where the body is compressed, for routes that read more types than JSON."""
    if b"content-encoding" in headers:
        raise Problem(NOT_JSON_TYPE)


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type says JSON in UTF-8."""
    kind, _, parameters = content_type.partition(b";")
    charset = parameters.strip().lower()
    return kind.strip().lower() == b"application/json" and charset in (b"", b"charset=utf-8", b'charset="utf-8"')
