"""The id of a prediction: a UUIDv7, or one derived from the name that the client or the edge gives the request.

An edge that replays a request sends the same name and the same body. Both get the same id, so every reader of the log
counts one prediction. The id also depends on the body, because a name may be used twice for different rows.
"""

import hashlib
import os
from collections.abc import Mapping

import numpy as np

from service.http.request_ids import name_of_request

TAILS_AT_ONCE = 256
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
# The same for arrays: from a digit's byte to that of the variant.
_VARIANTS = np.array([ord(_VARIANT.get(chr(byte), "8")) for byte in range(128)], dtype=np.uint8)


class IdSource:
    """Makes ids. It fetches random bits for many at once, because the system call costs more than all the rest."""

    def __init__(self) -> None:
        self._millisecond = -1
        self._head = b""
        self._tails: list[bytes] = []

    def new(self, at_us: int) -> bytes:
        """A time-ordered id (RFC 9562, version 7): milliseconds since 1970, then 74 random bits."""
        millisecond = at_us // 1000
        if millisecond != self._millisecond:
            time = b"%012x" % millisecond
            self._head = b"%b-%b-7" % (time[:8], time[8:])
            self._millisecond = millisecond
        if not self._tails:
            self._tails = _tails(os.urandom(10 * TAILS_AT_ONCE))
        return self._head + self._tails.pop()

    def many(self, at_us: int, count: int) -> list[bytes]:
        """`count` new ids."""
        first = self.new(at_us)
        if len(self._tails) < count:
            self._tails += _tails(os.urandom(10 * max(count, TAILS_AT_ONCE)))
        head, taken = self._head, self._tails[1 - count :] if count > 1 else []
        del self._tails[len(self._tails) - len(taken) :]
        return [first, *[head + tail for tail in taken]]

    def of_request(self, headers: Mapping[bytes, bytes], client: str, body: bytes, at_us: int) -> bytes:
        """The id of a request: derived where it has a name, new where it has none. Raises Problem."""
        name = name_of_request(headers)
        return self.new(at_us) if name is None else derived(name, client, body)

    def of_rows(self, headers: Mapping[bytes, bytes], client: str, body: bytes, at_us: int, rows: int) -> list[bytes]:
        """An id for each row of a batch; derived ones also depend on the row's position."""
        return derived_of_parts(headers, client, body, rows) or self.many(at_us, rows)


def derived_of_parts(headers: Mapping[bytes, bytes], client: str, body: bytes, parts: int) -> list[bytes] | None:
    """An id for each part of a request by its position, the same in a replay. None for a request without a name.

    Raises Problem.
    """
    name = name_of_request(headers)
    if name is None:
        return None
    whole = hashlib.sha256(body).digest()
    return [derived(name, client, b"%b%d" % (whole, position)) for position in range(parts)]


def derived(name: bytes, client: str, body: bytes) -> bytes:
    """An id of version 8 (RFC 9562): 122 bits of SHA-256 over the client, its name for the request, and the body."""
    unambiguous = b"%d:%b%d:%b%b" % (len(client.encode()), client.encode(), len(name), name, body)
    digest = hashlib.sha256(unambiguous).digest()
    tail = digest[6:16].hex()
    ends = (tail[:3], _VARIANT[tail[3]] + tail[4:7], tail[7:19])
    return b"%b-%b-8%b" % (digest[:4].hex().encode(), digest[4:6].hex().encode(), "-".join(ends).encode())


def _tails(noise: bytes) -> list[bytes]:
    """Each ten bytes as the end of an id, with the variant in its place: `xxx-yxxx-xxxxxxxxxxxx`."""
    digits = np.frombuffer(noise.hex().encode(), dtype=np.uint8).reshape(-1, 20)
    ends = np.full((len(digits), 22), ord("-"), dtype=np.uint8)
    ends[:, 0:3] = digits[:, 0:3]
    ends[:, 4] = _VARIANTS[digits[:, 3]]
    ends[:, 5:8] = digits[:, 4:7]
    ends[:, 9:21] = digits[:, 7:19]
    ends[:, 21] = ord(" ")
    return ends.tobytes().split()
