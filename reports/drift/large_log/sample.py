"""Draws the requests of a Parquet log whose digest of seed and id is smallest, as the drift job draws from JSON Lines.

All records of one id have one digest, so the sample has all of them or none, and the share of records that repeat an id
is estimated without bringing the ids of the whole log together.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np

from contracts.exits import UsageError
from contracts.model_folder import ModelCard
from contracts.request_log import ANY_KEY, CLOCK_SKEW_SECONDS
from reports.drift.large_log.records import ParquetFiles, Records, source_of
from reports.drift.log_reader import NO_LABELS, NO_SOURCES, RequestWindow, sampled_rows, timestamp

EVERY_DIGEST = 2**128 - 1
# So many standard deviations more are brought than are needed, so that one pass is enough.
DEVIATIONS = 6
MEMORY = "1GB"
_COUNT = "SELECT count(*), count(*) FILTER ({ours}), count(*) FILTER ({other}) FROM {source}"
_SPAN = "SELECT min(at_us), max(at_us) FROM {source} WHERE {ours}"
_NEAR = """
    CREATE OR REPLACE TEMP TABLE near AS
    SELECT key, at_us, field, owner
    FROM (SELECT md5_number({seed} || ':' || CAST(id AS VARCHAR)) AS key, CAST(at_us AS BIGINT) AS at_us,
                 {fields} AS field, {owner} AS owner
          FROM {source} WHERE {ours})
    WHERE key <= {most}::UHUGEINT
"""
_SAMPLE = """
    CREATE TEMP TABLE sample AS
    WITH drawn AS (SELECT DISTINCT key FROM near ORDER BY key LIMIT {at_most})
    SELECT * FROM near SEMI JOIN drawn USING (key)
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY at_us, field) = 1
"""
_LABELS = """
    CREATE TEMP TABLE labels AS
    SELECT key, labelled_us, actual, observed_us
    FROM (SELECT md5_number({seed} || ':' || CAST(id AS VARCHAR)) AS key, CAST(at_us AS BIGINT) AS labelled_us,
                 CAST(actual AS VARCHAR) AS actual, {observed} AS observed_us, {for_keys} AS for_keys
          FROM {source} WHERE id IS NOT NULL AND at_us IS NOT NULL AND actual IS NOT NULL)
    JOIN sample USING (key)
    WHERE for_keys IS NULL OR (
        (owner = {any} OR list_has_any(for_keys, [owner, {any}]))
        AND (observed_us IS NULL OR observed_us >= at_us - {skew_us}))
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY labelled_us, actual) = 1
"""


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with a limit of memory, for the rest a folder that is deleted."""
    with tempfile.TemporaryDirectory() as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=settings) as connection:
            yield connection


@dataclass(frozen=True)
class RowCounts:
    """Rows of a log: all, the model's records, and those of other models."""

    every: int
    ours: int
    others: int


def count(connection: duckdb.DuckDBPyConnection, files: ParquetFiles, records: Records) -> RowCounts:
    """Raises UsageError where no row is a record."""
    counts = RowCounts(*_fetched(connection, _COUNT, records))
    if counts.every and not counts.ours + counts.others:
        raise UsageError(
            f"{files.predictions[0]}: none of {counts.every:,} rows is a prediction record (contracts/request_log.py): "
            "id, at_us, model, features and prediction must have values.",
            code="no-prediction-records",
        )
    return counts


def draw(
    connection: duckdb.DuckDBPyConnection,
    files: ParquetFiles,
    records: Records,
    counts: RowCounts,
    card: ModelCard,
    seed: int,
    at_most: int,
) -> RequestWindow:
    """At most so many requests, with their labels. Of a part, `requests` and `repeated_ids` are estimates."""
    every, ours, others = counts.every, counts.ours, counts.others
    repeated = round(ours * _drawn(connection, records, ours, seed, at_most))
    _bring_labels(connection, files, seed)
    connection.execute(NO_SOURCES)
    rows, answers, sources = sampled_rows(connection, card)
    first, last = _fetched(connection, _SPAN, records)
    return RequestWindow(
        rows=rows, answers=answers, requests=ours - repeated, first=timestamp(first), last=timestamp(last),
        torn_lines=0, unreadable_lines=every - ours - others, repeated_ids=repeated, other_models=others,
        sources=sources,
    )  # fmt: skip


def _drawn(connection: duckdb.DuckDBPyConnection, records: Records, ours: int, seed: int, at_most: int) -> float:
    """Make the table sample. Which share of its records repeat an id."""
    share = (at_most + DEVIATIONS * float(np.sqrt(at_most))) / max(1, ours)
    while True:
        most = EVERY_DIGEST if share >= 1 else int(EVERY_DIGEST * share)
        connection.execute(
            _NEAR.format(
                seed=f"'{seed}'", fields=records.fields, owner=records.owner, source=records.source,
                ours=records.is_ours, most=f"'{most}'",
            )
        )  # fmt: skip
        near, distinct = connection.execute("SELECT count(*), count(DISTINCT key) FROM near").fetchall()[0]
        if distinct >= at_most or most == EVERY_DIGEST:
            break
        share *= 2
    connection.execute(_SAMPLE.format(at_most=at_most))
    connection.execute("DROP TABLE near")
    return float((near - distinct) / max(1, near))


def _bring_labels(connection: duckdb.DuckDBPyConnection, files: ParquetFiles, seed: int) -> None:
    """Make the table labels, of the sample's requests alone."""
    if not files.labels:
        connection.execute(NO_LABELS)
        return
    source = source_of(files.labels)
    columns = connection.sql(f"SELECT * FROM {source} LIMIT 0").columns
    if absent := {"id", "at_us", "actual"} - set(columns):
        raise UsageError(
            f"{files.labels[0]} has no column {', '.join(sorted(absent))}; a file of labels has id, at_us, actual and, "
            "if there is one, observed_us.",
            code="not-a-request-log",
        )
    observed = "TRY_CAST(observed_us AS BIGINT)" if "observed_us" in columns else "NULL::BIGINT"
    for_keys = "CAST(for_keys AS VARCHAR[])" if "for_keys" in columns else "NULL::VARCHAR[]"
    connection.execute(
        _LABELS.format(
            seed=f"'{seed}'",
            observed=observed,
            for_keys=for_keys,
            source=source,
            any=f"'{ANY_KEY}'",
            skew_us=CLOCK_SKEW_SECONDS * 1_000_000,
        )
    )


def _fetched(connection: duckdb.DuckDBPyConnection, query: str, records: Records) -> tuple[int, ...]:
    found = connection.execute(query.format(source=records.source, ours=records.is_ours, other=records.is_other))
    return tuple(found.fetchall()[0])
