"""Rows that stand in both tables: a model that saw a row in training is not judged by it.

Compared are features and target, all of them, by a 64-bit hash of each row. A table of few distinct values repeats
itself honestly: so the share of the other table's rows that repeat each other is counted too, and a person can tell
which it is, and raise gate.max_shared_rows.
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
    """shared: share of the rows that stand in the other table; repeated: share of the other's rows that repeat."""

    shared: float
    repeated: float


def shared_rows(rows: pd.DataFrame, others: pd.DataFrame, columns: Sequence[str]) -> SharedRows:
    """How many of `rows` stand in `others`, all `columns` alike. Columns that either lacks are not compared."""
    compared = [name for name in columns if name in rows and name in others]
    if not compared or not len(rows) or not len(others):
        return SharedRows(0.0, 0.0)
    of_rows, of_others = row_hashes(rows, compared), row_hashes(others, compared)
    distinct, counts = np.unique(of_others, return_counts=True)
    return SharedRows(float(np.isin(of_rows, distinct).mean()), float(counts[counts > 1].sum() / len(others)))


def row_hashes(frame: pd.DataFrame, columns: Sequence[str]) -> Hashes:
    """[rows]: equal where all columns are, -0 and 0 being one, and all that is missing."""
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
