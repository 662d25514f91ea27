"""GET /requests: the logged predictions and labels of a time window, as NDJSON, for the drift job.

It reads the files of every process, each in its own order, up to the size that it had when the request came.
Lines are sent as they are stored (contracts/request_log.py): a record with `features` is a prediction, one with
`actual` a label. A torn line is left out. At most two exports run at once, one for each key; more are answered 503.
"""

import datetime as dt
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from contracts.request_log import LABELS_GLOB, PREDICTIONS_GLOB
from service.http.load_shedding import refused_for_now
from service.http.problems import BAD_WINDOW, Problem
from service.metrics import Metrics

CONTENT_TYPE = "application/x-ndjson"
# Small, because unread chunks of slow clients must not fill the memory.
CHUNK_BYTES = 64 * 1024
MAX_EXPORTS = 2
# A record is written a little later than its timestamp.
SLACK_SECONDS = 60.0
_GZIP = 16 + zlib.MAX_WBITS
_RECORD = re.compile(rb'^\{"v":1,"id":"[^"]{36}","at_us":(\d+),.*\}$', re.M)


@dataclass(frozen=True)
class Window:
    """Microseconds since 1970: from `since`, before `until`."""

    since_us: int
    until_us: int


class ExportSlots:
    """The running exports, by the ids of their keys."""

    def __init__(self, metrics: Metrics) -> None:
        self._taken: list[str] = []
        self._shed = metrics.shed
        metrics.shed.make([("exports",)])

    @contextmanager
    def one_for(self, client: str) -> Iterator[None]:
        """A slot for the length of the block. Raises Problem if none is free or this key has one already."""
        if len(self._taken) >= MAX_EXPORTS or (client and client in self._taken):
            self._shed.add("exports")
            raise refused_for_now()
        self._taken.append(client)
        try:
            yield
        finally:
            self._taken.remove(client)


class ExportResponse(StreamingResponse):
    """Sends records while it holds a slot."""

    def __init__(self, slot: AbstractContextManager[None], records: Iterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(records, headers=headers, media_type=CONTENT_TYPE)
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem, before anything is sent, if no slot is free."""
        with self._slot:
            await super().__call__(scope, receive, send)


def window_of(since: str | None, until: str | None) -> Window:
    """The window that a client asked for; a bound that it left out is open. Raises Problem."""
    window = Window(
        0 if since is None else _microseconds(since),
        2**63 - 1 if until is None else _microseconds(until),
    )
    if window.since_us >= window.until_us:
        raise Problem(BAD_WINDOW)
    return window


def _microseconds(text: str) -> int:
    try:
        # An unescaped + in a query is a space.
        moment = dt.datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise Problem(BAD_WINDOW)
        return (moment - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise Problem(BAD_WINDOW) from None


def records_in(folder: Path, window: Window) -> Iterator[bytes]:
    """Lines of the window, many at a time."""
    for pattern in (PREDICTIONS_GLOB, LABELS_GLOB):
        for path in sorted(folder.glob(pattern)):
            yield from _records_of(path, window)


def _records_of(path: Path, window: Window) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            size, changed = path.stat().st_size, path.stat().st_mtime
            if (changed + SLACK_SECONDS) * 1e6 < window.since_us:
                return
            rest = b""
            while size > 0 and (chunk := file.read(min(size, CHUNK_BYTES))):
                size -= len(chunk)
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                if chosen := _chosen(lines + newline, window):
                    yield chosen
    except FileNotFoundError:  # retention removed it meanwhile
        return


def _chosen(lines: bytes, window: Window) -> bytes:
    found = _RECORD.finditer(lines)
    chosen = [one[0] for one in found if window.since_us <= int(one[1]) < window.until_us]
    return b"\n".join([*chosen, b""]) if chosen else b""


def compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes as gzip, piece by piece."""
    compressor = zlib.compressobj(level=5, wbits=_GZIP)
    for chunk in chunks:
        if piece := compressor.compress(chunk):
            yield piece
    yield compressor.flush()


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip with a weight above zero."""
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" if weight else True
    return False
