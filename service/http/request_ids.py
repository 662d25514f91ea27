"""How log lines identify a request: the client's or the edge's name for it, and its trace (W3C Trace Context).

A proxy may add its own X-Request-ID, as another header or after a comma. All of them together are one name, which is
the same when an edge replays the request. Two different Idempotency-Keys are an error.
"""

import re
from collections.abc import Mapping

from service.http.problems import BAD_HEADER, Problem

MAX_NAME_BYTES = 200
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def names_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """`request`, `trace` and `parent`, each if the headers have it in a valid form."""
    names: dict[str, str] = {}
    try:
        name = name_of_request(headers)
    except Problem:
        name = None
    if name is not None:
        names["request"] = name.decode("ascii")
    found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
    if found:
        names |= {"trace": found[1].decode(), "parent": found[2].decode()}
    return names


def name_of_request(headers: Mapping[bytes, bytes]) -> bytes | None:
    """What the client (Idempotency-Key) or the edge (X-Request-ID) calls this request. Raises Problem."""
    by_client, by_edge = headers.get(b"idempotency-key"), headers.get(b"x-request-id")
    if by_edge is not None and not _is_usable(by_edge):
        by_edge = b",".join(_parts(by_edge))
    if by_client is not None and not _is_usable(by_client):
        (by_client, *others) = _parts(by_client)
        if others:
            raise Problem(BAD_HEADER)
    return by_edge if by_client is None else by_client


def _parts(name: bytes) -> list[bytes]:
    """Names that proxies have joined, each once. Raises Problem."""
    parts = list(dict.fromkeys(one.strip() for one in name.split(b",")))
    if len(name) > MAX_NAME_BYTES or not all(map(_is_usable, parts)):
        raise Problem(BAD_HEADER)
    return parts


def _is_usable(name: bytes) -> bool:
    return 1 <= len(name) <= MAX_NAME_BYTES and all(33 <= byte <= 126 for byte in name)
