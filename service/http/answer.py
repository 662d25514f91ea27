"""A whole HTTP answer, before it is sent."""

from typing import NamedTuple

JSON = b"application/json"


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
