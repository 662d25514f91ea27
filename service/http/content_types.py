"""Content negotiation: 415 for a request type that is not read, 406 for an answer type that is not written.

/predict/batch reads and writes JSON and Arrow. The answer has the request's type unless Accept prefers the other
(RFC 9110, section 12.5.1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from service.http.body import is_compressed, is_json, refuse_another_type
from service.http.problems import NOT_ACCEPTABLE, NOT_BATCH_TYPE, Problem

JSON = b"application/json"
ARROW = b"application/vnd.apache.arrow.stream"

Headers = Mapping[bytes, bytes]
Handle = Callable[[Headers, bytes, int, str], bytes]


@dataclass(frozen=True)
class DirectRoute:
    """A POST route that is answered without the router, with status 200.

    `handle` takes headers, body, microseconds since 1970 and the key's id; it returns the answer or raises Problem.
    """

    handle: Handle
    max_bytes: int
    content_type: tuple[bytes, bytes] = (b"content-type", JSON)


class Negotiation(Protocol):
    """Chooses the route by the request's headers."""

    def of(self, headers: Headers) -> DirectRoute:
        """Raises Problem."""


class JsonOnly:
    """One handler, for JSON."""

    def __init__(self, direct: DirectRoute) -> None:
        self._direct = direct

    def of(self, headers: Headers) -> DirectRoute:
        """Raises Problem for another type."""
        if headers.get(b"content-type") != JSON or b"content-encoding" in headers:
            refuse_another_type(headers)
        return self._direct


class JsonOrArrow:
    """A handler for each pair of types. `make` takes the request's type and the answer's, and returns the handler."""

    def __init__(self, make: Callable[[bytes, bytes], Handle], max_bytes: int) -> None:
        self._by_types = {
            (takes, gives): DirectRoute(make(takes, gives), max_bytes, (b"content-type", gives))
            for takes in (JSON, ARROW)
            for gives in (JSON, ARROW)
        }

    def of(self, headers: Headers) -> DirectRoute:
        """Raises Problem: 415 before 406."""
        content_type = headers.get(b"content-type", b"")
        takes = _type_of(content_type)
        if takes is None or is_compressed(headers):
            raise Problem(NOT_BATCH_TYPE)
        accept = headers.get(b"accept")
        return self._by_types[takes, takes if accept is None or accept == b"*/*" else _preferred(accept, takes)]


def _type_of(content_type: bytes) -> bytes | None:
    if is_json(content_type):
        return JSON
    return ARROW if content_type.partition(b";")[0].strip().lower() == ARROW else None


def _preferred(accept: bytes, own: bytes) -> bytes:
    """The type with the highest quality in `accept`; `own` if both are equal. Raises Problem if neither is accepted."""
    ranges = [_range(one) for one in accept.lower().split(b",")]
    qualities = {offered: _quality(offered, ranges) for offered in (own, *({JSON, ARROW} - {own}))}
    best = max(qualities, key=lambda offered: qualities[offered])
    if qualities[best] <= 0:
        raise Problem(NOT_ACCEPTABLE)
    return best


def _range(text: bytes) -> tuple[bytes, float]:
    kind, *parameters = (one.strip() for one in text.split(b";"))
    for one in parameters:
        name, _, value = one.partition(b"=")
        if name.strip() == b"q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _quality(offered: bytes, ranges: list[tuple[bytes, float]]) -> float:
    """The quality of the most specific range that covers the type; 0 where none does."""
    for covering in (offered, offered.partition(b"/")[0] + b"/*", b"*/*"):
        for kind, quality in ranges:
            if kind == covering:
                return quality
    return 0.0
