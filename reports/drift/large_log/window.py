"""Reads a Parquet log of any size as one window: all of it where it is small, else a sample and what is known of all.

Memory: DuckDB's own limit (sample.py), the sample, and the counts of each column. Nothing grows with the log's rows.
"""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN
from contracts.exits import UsageError
from contracts.model_folder import ModelCard
from reports.drift.effective_rows import compared_names, distinct_window, effective_count, row_codes
from reports.drift.large_log.distinct import DistinctRows, distinct_rows
from reports.drift.large_log.records import ParquetFiles, Records, records_of
from reports.drift.large_log.sample import connected, count, draw
from reports.drift.large_log.tallies import tallies_of
from reports.drift.large_log.whole import WholeLog
from reports.drift.log_reader import AT_MOST_ROWS, RequestWindow, logged_features
from scoring.distances import IntArray


def parquet_window(
    files: ParquetFiles,
    card: ModelCard,
    digest: str,
    seed: int,
    reference: pd.DataFrame,
    at_most: int = AT_MOST_ROWS,
) -> RequestWindow:
    """The requests that the model `digest` answered, without those that only repeat others. Raises UsageError."""
    try:
        with connected() as connection:
            records = records_of(connection, files, card, digest, logged_features(card))
            counts = count(connection, files, records)
            records = records.narrowed(counts.every, counts.ours, counts.others)
            sample = draw(connection, files, records, counts, card, seed, at_most)
            window = distinct_window(sample, reference)
            if sample.requests <= at_most:
                return window
            return _with_whole(connection, records, card, reference, sample, window)
    except duckdb.Error as error:
        raise UsageError(
            f"{files.predictions[0]} cannot be read: {str(error)[:300]}", code="not-a-request-log"
        ) from None


def _with_whole(
    connection: duckdb.DuckDBPyConnection,
    records: Records,
    card: ModelCard,
    reference: pd.DataFrame,
    sample: RequestWindow,
    window: RequestWindow,
) -> RequestWindow:
    names = compared_names(sample.rows, reference)
    effective, distinct, repeated = sample.requests, DistinctRows(0, 0.0), 0
    if names:
        codes = row_codes(reference, sample.rows, names)
        distinct = distinct_rows(connection, records, codes.columns, sample.requests)
        known, alike = _known(codes.reference, reference)
        independent = _independent(known, alike, distinct, sample, window)
        repeated = sample.requests - independent
        # A table without equal rows: each distinct row counts once, whatever so few reference rows say of so many.
        is_told_apart = known.max() <= 1 and distinct.at_most < independent
        effective = distinct.rows if is_told_apart else independent
    whole = WholeLog(
        requests=sample.requests,
        drawn=len(sample.rows),
        tallies=tallies_of(connection, records, card, sample, reference),
        effective=effective,
        distinct=distinct.rows,
        distinct_error=distinct.error,
        doubled=sample.repeated_ids / max(1, sample.requests) + window.repeated / max(1, len(sample.rows)),
    )
    return replace(window, repeated=repeated, whole=whole)


def _known(codes: IntArray, reference: pd.DataFrame) -> tuple[IntArray, int]:
    """The reference's count of each row, and how many equal rows one group has: those count as one."""
    if CLUSTER_COLUMN not in reference:
        return np.bincount(codes), 1
    pairs = np.unique(np.stack([reference[CLUSTER_COLUMN].to_numpy(), codes]), axis=1)
    return np.bincount(pairs[1]), max(1, round(len(codes) / pairs.shape[1]))


def _independent(
    known: IntArray, alike: int, distinct: DistinctRows, sample: RequestWindow, window: RequestWindow
) -> int:
    """How many requests do not only repeat others: by the sample or, if these are fewer, by all rows' distinct ones.

    A row that is sent very often shows in the sample. Many rows that are each sent a few times show in all rows alone.
    """
    by_sample = round(sample.requests * len(window.rows) / max(1, len(sample.rows)))
    most = min(sample.requests, round(distinct.at_most))
    by_distinct = alike * effective_count(known, most, max(most, sample.requests // alike))
    return max(1, min(by_sample, sample.requests, by_distinct + alike - 1))
