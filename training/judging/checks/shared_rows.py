"""Finds rows that are in both tables: a model that saw a row in training must not be judged by it.

Rows are compared by a 64-bit hash of all features and the target. A table with few distinct values has equal rows by
chance. So the share of equal rows within the other table is counted too: it tells a person whether to raise
gate.max_shared_rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Hashes = npt.NDArray[np.uint64]

# Odd, so that multiplying by it loses nothing: 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class SharedRows:
    """shared: share of the rows that are in the other table; repeated: share of the other's rows that repeat."""

    shared: float
    repeated: float


def shared_rows(rows: pd.DataFrame, others: pd.DataFrame, columns: Sequence[str]) -> SharedRows:
    """How many of `rows` are in `others`, equal in all `columns`. Columns that one of them lacks are not compared."""
    compared = [name for name in columns if name in rows and name in others]
    if not compared or not len(rows) or not len(others):
        return SharedRows(0.0, 0.0)
    of_rows, of_others = row_hashes(rows, compared), row_hashes(others, compared)
    distinct, counts = np.unique(of_others, return_counts=True)
    return SharedRows(float(np.isin(of_rows, distinct).mean()), float(counts[counts > 1].sum() / len(others)))


def row_hashes(frame: pd.DataFrame, columns: Sequence[str]) -> Hashes:
    """[rows]: equal for rows that are equal in all columns. -0 equals 0, and missing values equal each other."""
    hashes = np.zeros(len(frame), dtype=np.uint64)
    for name in columns:
        hashes = (hashes ^ _column_hashes(frame[name])) * _MIX
        hashes ^= hashes >> np.uint64(32)
    return hashes


def _column_hashes(column: "pd.Series[Any]") -> Hashes:
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
        return pd.util.hash_array(np.where(np.isnan(values), np.nan, values))
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    texts = np.array(["" if pd.isna(text) else f"={text}" for text in distinct], dtype=object)
    return pd.util.hash_array(texts)[codes] if len(texts) else np.zeros(len(column), dtype=np.uint64)
