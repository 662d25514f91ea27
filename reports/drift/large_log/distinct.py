"""How many distinct rows a large log has, from rows whose hash is small: distinct sampling.

Equal rows have one hash, so of a small part of all hashes every row is seen with all of its copies. The number of
distinct hashes in that part, divided by the part, estimates the number of distinct rows; each distinct row is in the
part or not, so the estimate's error follows from that number alone. The memory is that of the part.

Source: Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries and event reports"
(Proceedings of the 27th VLDB Conference).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from scipy.stats import norm

from reports.drift.large_log.records import Records
from reports.drift.large_log.whole import CONFIDENCE

EVERY_HASH = 2**64 - 1
MOST_KEPT = 200_000
LEAST_KEPT = 20_000
_KEPT = """
    SELECT count(*) FROM (
        SELECT DISTINCT hash FROM (SELECT hash({columns}) AS hash FROM {source} WHERE {ours})
        WHERE hash <= {most}::UBIGINT)
"""


@dataclass(frozen=True)
class DistinctRows:
    """The estimate, and its error as a share of it, at CONFIDENCE; 0 where all were counted."""

    rows: int
    error: float

    @property
    def at_most(self) -> float:
        return self.rows * (1 + self.error)


def distinct_rows(
    connection: duckdb.DuckDBPyConnection, records: Records, columns: Sequence[str], requests: int
) -> DistinctRows:
    """Of all of the model's records, by these columns. A second pass where the first one kept few."""
    part = min(1.0, MOST_KEPT / max(1, requests))
    kept = _kept(connection, records, columns, part)
    if part < 1 and kept < LEAST_KEPT:
        part = min(1.0, part * MOST_KEPT / max(kept, 5) / 2)
        kept = _kept(connection, records, columns, part)
    error = float(norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((1 - part) / max(1, kept)))
    return DistinctRows(min(requests, max(1, round(kept / part))), error)


def _kept(connection: duckdb.DuckDBPyConnection, records: Records, columns: Sequence[str], part: float) -> int:
    query = _KEPT.format(
        columns=", ".join(records.values[name] for name in columns), source=records.source, ours=records.is_ours,
        most=f"'{EVERY_HASH if part >= 1 else int(EVERY_HASH * part)}'",
    )  # fmt: skip
    return int(connection.execute(query).fetchall()[0][0])
