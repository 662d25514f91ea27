"""Estimates how many rows two holdouts share: a holdout that is moved by a day is hardly a new one.

A row is identified by its time, its target value, and its number among the rows that share both. Features play no part,
so a column more or less changes nothing. In a table without time a row is identified by its target value and its value
in a column that tells rows apart, or by all columns where none does.

Of each holdout the 128 smallest hashes of its rows are kept. Among the smallest hashes of two holdouts together, the
share that both have estimates their similarity, with a standard error of at most 4.4 points (k minimum values: Beyer et
al. 2007, "On synopses for distinct-value estimation under multiset operations").
"""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from contracts.data_manifest import DataManifest
from contracts.schema import Schema

Hashes = npt.NDArray[np.uint64]

KEPT = 128
DIGITS = 12
MOST_SAMPLES = 4
# A column tells rows apart where at least half of its values stand once.
TELLS_APART = 0.5


class RowSample(Schema):
    """`rows`: how many distinct rows there are; `smallest`: their smallest hashes, 12 hex digits each."""

    rows: Annotated[int, Field(ge=0, le=10**12)]
    smallest: Annotated[str, Field(pattern=rf"^([0-9a-f]{{{DIGITS}}}){{0,{KEPT}}}$")]


Rows = tuple[RowSample, ...]


def rows_of(frame: pd.DataFrame, manifest: DataManifest) -> Rows:
    """The samples of a holdout, one for each way to identify a row."""
    answers = _values(frame[manifest.target])
    if manifest.time and manifest.time in frame:
        known = _mixed(_values(frame[manifest.time]), answers)
        return (_sample(_mixed(known, _occurrence(known))),)
    columns = [str(name) for name in frame if name not in (manifest.target, manifest.cluster)]
    distinct = {name: frame[name].nunique() for name in columns}
    telling = [name for name in columns if distinct[name] >= TELLS_APART * max(1, len(frame))]
    telling = sorted(telling, key=lambda name: (-distinct[name], name))[:MOST_SAMPLES]
    if not telling:
        return (_sample(_mixed(answers, *(_values(frame[name]) for name in sorted(columns)))),)
    return tuple(_sample(_mixed(answers, _values(frame[name]))) for name in telling)


def overlap(earlier: Rows, now: Rows) -> float:
    """The share of the rows of `now` that `earlier` had, from 0 to 1; the largest over the ways to identify a row."""
    return max((_share(one, other) for one in earlier for other in now), default=0.0)


def _share(earlier: RowSample, now: RowSample) -> float:
    if not earlier.rows or not now.rows:
        return 0.0
    first, second = set(_hashes(earlier)), set(_hashes(now))
    if not first or not second:
        # A sample without hashes was written by hand. It must not stop every later evaluation.
        return 0.0
    # A sample that is not the whole says nothing about hashes beyond its largest one.
    end = min((max(one) for one, sample in ((first, earlier), (second, now)) if len(one) < sample.rows), default=None)
    both = {one for one in first | second if end is None or one <= end}
    alike = len(both & first & second) / len(both)
    return min(1.0, alike / (1 + alike) * (earlier.rows + now.rows) / now.rows)


def _hashes(sample: RowSample) -> Iterator[str]:
    return (sample.smallest[start : start + DIGITS] for start in range(0, len(sample.smallest), DIGITS))


def _sample(hashes: Hashes) -> RowSample:
    different = np.unique(hashes >> np.uint64(64 - 4 * DIGITS))
    return RowSample(rows=len(different), smallest="".join(f"{one:0{DIGITS}x}" for one in different[:KEPT].tolist()))


def _values(column: "pd.Series[Any]") -> Hashes:
    """[rows]: 64 bits for each value, the same on every machine and with every version of the libraries."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]").view(np.int64).astype(np.uint64)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64).view(np.uint64)
    codes, different = pd.factorize(column.astype(str))
    told = [int.from_bytes(hashlib.sha256(str(one).encode()).digest()[:8], "big") for one in different]
    return np.array(told or [0], dtype=np.uint64)[codes]


def _mixed(*parts: Hashes) -> Hashes:
    """[rows]: one hash of all parts of a row (the finalizer of SplitMix64, Steele et al. 2014, after each)."""
    mixed = np.zeros(len(parts[0]), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            mixed = (mixed ^ part) + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return mixed


def _occurrence(known: Hashes) -> Hashes:
    """[rows]: the number of each row among equal ones, from 0."""
    return np.asarray(pd.Series(known).groupby(known).cumcount(), dtype=np.uint64)
