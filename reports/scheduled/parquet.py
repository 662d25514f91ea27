"""A request log in Parquet as production's requests: how many records, and of which time. It stays where it is."""

import datetime as dt
from urllib.parse import urlsplit

import duckdb

from contracts.exits import UsageError
from reports.drift.large_log.records import ParquetFiles, parquet_files, source_of
from reports.drift.large_log.sample import connected
from reports.scheduled.fetch import Lines

_EPOCH = dt.datetime(1970, 1, 1)


def parquet_of(url: str) -> ParquetFiles | None:
    """The files that a path, a glob or a file: address names; None where it is no Parquet on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        if parts.path.endswith(".parquet"):
            raise UsageError(
                f"REQUESTS_URL: a log in Parquet is read where it is, and {parts.scheme} is elsewhere. Required: a "
                "path, a folder or a glob on this machine. Mount the bucket, or copy the files.",
                code="parquet-elsewhere",
            )
        return None
    return parquet_files(parts.path if parts.scheme else url)


def counted(files: ParquetFiles) -> tuple[Lines, tuple[dt.datetime, dt.datetime] | None]:
    """Records of each kind, and the first and last moment of the predictions, UTC. Raises UsageError."""
    try:
        with connected() as connection:
            query = f"SELECT count(*), min(at_us), max(at_us) FROM {source_of(files.predictions)}"
            predictions, first, last = connection.execute(query).fetchall()[0]
            labels = 0
            if files.labels:
                (labels,) = connection.execute(f"SELECT count(*) FROM {source_of(files.labels)}").fetchall()[0]
    except duckdb.Error as error:
        raise UsageError(
            f"{files.predictions[0]} cannot be read: {str(error)[:300]}", code="not-a-request-log"
        ) from None
    found = None
    if predictions and isinstance(first, int) and isinstance(last, int):
        found = (_EPOCH + dt.timedelta(microseconds=first), _EPOCH + dt.timedelta(microseconds=last))
    return Lines(predictions, labels, 0, 0), found
