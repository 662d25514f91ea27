"""Brings the request log of all replicas from object storage: the window's segments, read there by DuckDB.

Names say the month (contracts/outside/buckets.py), so a window is a few listings: segments that were put before the
window began, or begun after it ended, are not opened. An address that ends in a month (`s3://bucket/prefix/2026-11`) is
that month, else it is the last drift.window_days. Labels are brought up to now, for they come later.

Of more than MOST_PREDICTIONS those are taken whose digest of seed and id is smallest, with the labels of the same ids:
by that digest the drift job draws its own sample, too, so it draws the same rows as from everything.

Memory: DuckDB's own limit (reports/drift/log_reader.py) and a few blocks of the files that are open.
"""

import datetime as dt
import itertools
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from contracts.exits import UsageError
from contracts.outside.buckets import ADDRESS, PACKED, Bucket
from contracts.request_log import LogName
from reports.drift.log_reader import connect
from reports.scheduled.fetch import Lines, split_by_kind

if TYPE_CHECKING:
    from obstore.store import S3Store

MOST_PREDICTIONS = 1_000_000
# No record is smaller, packed: its id alone is random. So few bytes are brought whole, without being counted first.
LEAST_BYTES = 16
# A file is named by when it was begun: LOG_ROTATE_HOURS may keep it open into the next month, and into no later one.
MOST_OPEN = dt.timedelta(days=31)
ROWS_AT_ONCE = 10_000
EVERY_DIGEST = 2**128 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MONTH = re.compile(r"(?P<address>.*)/(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])/?")
_READ = """
    SELECT line, TRY_CAST(TRY(json_extract_string(line, '/at_us')) AS BIGINT) AS at_us,
           TRY(json_extract_string(line, '/id')) AS id
    FROM read_csv($files, columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false,
                  auto_detect = false, ignore_errors = true, compression = 'gzip')
"""
_COUNT = f"SELECT count(*) FROM ({_READ}) WHERE at_us >= $since AND at_us < $until"
# What has no time is no record: it is brought to be counted.
_LINES = f"""
    SELECT line FROM ({_READ})
    WHERE at_us IS NULL OR (at_us >= $since AND at_us < $until
                            AND md5_number($seed || ':' || coalesce(id, '')) <= $most::UHUGEINT)
"""


@dataclass(frozen=True)
class Span:
    """A window: from `since`, before `until`, UTC."""

    since: dt.datetime
    until: dt.datetime

    def parameters(self) -> dict[str, object]:
        """Microseconds since 1970, for SQL."""
        return {name: (moment - _EPOCH) // dt.timedelta(microseconds=1) for name, moment in vars(self).items()}


def is_bucket(url: str) -> bool:
    """Whether it is object storage's."""
    return url.startswith("s3://")


def window_of(url: str, now: dt.datetime, days: int) -> tuple[str, Span]:
    """The address without its month, and the window that is meant. Raises UsageError."""
    if not re.match(ADDRESS, url):
        raise UsageError(
            f"REQUESTS_URL is {url!r}; required: s3://bucket/prefix, or with a month, s3://bucket/prefix/2026-11."
        )
    if (found := _MONTH.fullmatch(url)) is None:
        return url, Span(now - dt.timedelta(days=days), now)
    first = dt.datetime(int(found["year"]), int(found["month"]), 1, tzinfo=dt.UTC)
    return found["address"], Span(first, (first + dt.timedelta(days=32)).replace(day=1))


def fetch_segments(
    bucket: Bucket, span: Span, now: dt.datetime, seed: int, folder: Path, at_most: int = MOST_PREDICTIONS
) -> tuple[Lines, float]:
    """Write the window's records into two files of `folder`; which share of the predictions they are.

    `at_most`: about so many predictions, where the bucket has more.
    Raises UsageError where the bucket cannot be read, or holds no records.
    """
    from obstore.exceptions import BaseError

    later = replace(span, until=max(span.until, now))
    try:
        store = bucket.store()
        predictions, size = segments(store, "predictions", span)
        labels, _ = segments(store, "labels", later)
        with tempfile.TemporaryDirectory() as spill, connect(spill) as connection:
            _mount(connection, bucket)
            share = _share(connection, _places(bucket, predictions), span, size, at_most)
            asked = {"seed": str(seed), "most": str(int(EVERY_DIGEST * share) if share < 1 else EVERY_DIGEST)}
            lines = itertools.chain(
                _lines(connection, _places(bucket, predictions), span, asked),
                _lines(connection, _places(bucket, labels), later, asked),
            )
            return split_by_kind(lines, folder, bucket.address), share
    except (BaseError, OSError, duckdb.Error) as error:
        raise UsageError(
            f"{bucket.address} cannot be read: {type(error).__name__}: {str(error)[:300]}. Is the server up, and may "
            "this key list and read there?",
            code="no-bucket",
        ) from None


def segments(store: "S3Store", log: LogName, span: Span) -> tuple[list[str], int]:
    """Names of the segments that can have records of the window, and the bytes of all of them."""
    names, size = [], 0
    for month in _months(span.since - MOST_OPEN, span.until):
        for listed in store.list(prefix=month):
            for one in listed:
                begun = re.fullmatch(rf"{month}/{log}-(\d{{8}}T\d{{6}}).*{re.escape(PACKED)}", one["path"])
                if begun and one["last_modified"] >= span.since and _moment(begun[1]) < span.until:
                    names.append(one["path"])
                    size += one["size"]
    return sorted(names), size


def _months(first: dt.datetime, last: dt.datetime) -> Iterator[str]:
    month = first.replace(day=1)
    while month <= last:
        yield f"{month:%Y-%m}"
        month = (month + dt.timedelta(days=32)).replace(day=1)


def _moment(stamp: str) -> dt.datetime:
    return dt.datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)


def _mount(connection: duckdb.DuckDBPyConnection, bucket: Bucket) -> None:
    """Let DuckDB read s3:// through obstore: its own extension for that is a download at run time."""
    from obstore.fsspec import FsspecStore

    connection.register_filesystem(FsspecStore("s3", **bucket.options()))


def _places(bucket: Bucket, names: Sequence[str]) -> list[str]:
    return ["/".join(filter(None, ("s3:/", bucket.name, bucket.prefix, name))) for name in names]


def _share(connection: duckdb.DuckDBPyConnection, files: list[str], span: Span, size: int, at_most: int) -> float:
    if size <= at_most * LEAST_BYTES:
        return 1.0
    counted = connection.execute(_COUNT, {"files": files, **span.parameters()}).fetchall()[0][0]
    return float(min(1.0, at_most / max(1, counted)))


def _lines(
    connection: duckdb.DuckDBPyConnection, files: list[str], span: Span, asked: dict[str, str]
) -> Iterator[bytes]:
    if files:
        connection.execute(_LINES, {"files": files, **span.parameters(), **asked})
        while rows := connection.fetchmany(ROWS_AT_ONCE):
            yield from (f"{line}\n".encode() for (line,) in rows)
