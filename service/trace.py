"""What a log line names a request by: the client's or the edge's name for it, and its trace (W3C Trace Context)."""

import re
from collections.abc import Mapping

from service.ids import name_of_request
from service.problems import Problem

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def names_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """`request`, `trace` and `parent` as far as the headers have them in a usable form."""
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
