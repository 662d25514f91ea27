"""Distances between two samples of one column. numpy only, because training and the drift job must agree.

wasserstein     the area between the two distribution functions, in standard deviations of the reference; numbers of the
                window that are far beyond all of it count as FAR
jensenshannon   0 for equal shares to 0.83 for disjoint ones, with the natural logarithm; numbers by reference deciles
psi             the population stability index, Σ (p - q) ln(p / q); numbers by reference deciles
difference      the absolute difference of two shares, for a column of 0 and 1
gained          the largest growth of any value's share, except of a value that most reference rows have already

Missing numbers (NaN) are left out; their share is a column of its own. Each distance is a function of counts over the
distinct values, so a bootstrap only draws counts; `Counted` holds the values.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Method = Literal["wasserstein", "jensenshannon", "psi", "difference", "gained"]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DECILES = np.linspace(0, 1, 11)[1:-1]
# An empty cell would make the index infinite; the value is the one in common use.
LEAST_SHARE = 1e-4
# As little as Evidently divides by, where a column of the reference is constant.
LEAST_SCALE = 1e-3
# A number of the window counts as no further than so many standard deviations beyond all of the reference: a single
# request with 3e38 in it would otherwise be all of the distance, and of what chance makes of it, and hide every drift.
FAR = 10.0
MOST_ROWS = 0.5


@dataclass(frozen=True)
class Counted:
    """Two samples as codes; -1 is a missing number.

    `values`: the numbers of the codes, ascending, or empty if the method needs none. `scale`: standard deviation of the
    reference.
    """

    method: Method
    reference: IntArray
    current: IntArray
    values: FloatArray
    cells: int
    scale: float

    def distance(self) -> float:
        """Between the two samples; NaN if one of them has no value."""
        counts = [np.bincount(codes[codes >= 0], minlength=self.cells) for codes in (self.reference, self.current)]
        return float(distance_of_counts(self, *(one.astype(np.float64) for one in counts)))


def counted(method: Method, reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Counted:
    """Two samples of numbers (float arrays) or categories (text arrays), each [rows], as codes."""
    if reference.dtype.kind not in "fiub":
        return _by_cell(method, reference.astype(str), current.astype(str))
    first, second = reference.astype(np.float64), current.astype(np.float64)
    if method in ("jensenshannon", "psi"):
        edges = np.unique(np.quantile(first[~np.isnan(first)], DECILES)) if not np.isnan(first).all() else np.empty(0)
        codes = [np.where(np.isnan(one), -1, np.searchsorted(edges, one, side="right")) for one in (first, second)]
        return Counted(method, codes[0], codes[1], np.empty(0), len(edges) + 1, 1.0)
    return _by_value(method, first, second)


def coarsened(one: Counted, most_cells: int) -> Counted:
    """The same with about `most_cells` distinct numbers, each the mean of those that it replaces.

    It merges neighbours whose gap adds least to the distance that chance gives: the gap times the standard deviation of
    the distribution function there. So a few outliers stay separate.
    """
    if one.cells <= most_cells or not len(one.values):
        return one
    both = np.concatenate([one.reference, one.current])
    counts = np.bincount(both[both >= 0], minlength=one.cells)
    below = np.cumsum(counts)[:-1] / counts.sum()
    adds = np.cumsum(np.diff(one.values) * np.sqrt(below * (1 - below)))
    cell = np.concatenate([[0], adds / adds[-1] * most_cells]).astype(np.int64)
    _, cell = np.unique(cell, return_inverse=True)
    values = np.bincount(cell, weights=counts * one.values) / np.bincount(cell, weights=counts)
    codes = [np.where(codes < 0, -1, cell[codes]) for codes in (one.reference, one.current)]
    return Counted(one.method, codes[0], codes[1], values, len(values), one.scale)


def distance_of_counts(counted: Counted, reference: FloatArray, current: FloatArray) -> FloatArray:
    """The distance of counts [..., cells]; NaN if a sample is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        one = reference / reference.sum(axis=-1, keepdims=True)
        two = current / current.sum(axis=-1, keepdims=True)
        return _DISTANCES[counted.method](counted, one, two)


def _by_cell(method: Method, reference: npt.NDArray[np.str_], current: npt.NDArray[np.str_]) -> Counted:
    names, codes = np.unique(np.concatenate([reference, current]), return_inverse=True)
    split = codes.astype(np.int64)
    return Counted(method, split[: len(reference)], split[len(reference) :], np.empty(0), len(names), 1.0)


def _by_value(method: Method, reference: FloatArray, current: FloatArray) -> Counted:
    spread = reference[~np.isnan(reference)]
    scale = max(float(spread.std()), LEAST_SCALE) if len(spread) else 1.0
    if method == "wasserstein" and len(spread):
        current = np.clip(current, spread.min() - FAR * scale, spread.max() + FAR * scale)
    both = np.concatenate([reference, current])
    known = ~np.isnan(both)
    values, inverse = np.unique(both[known], return_inverse=True)
    codes = np.full(len(both), -1, dtype=np.int64)
    codes[known] = inverse
    return Counted(method, codes[: len(reference)], codes[len(reference) :], values, len(values), scale)


def _wasserstein(counted: Counted, one: FloatArray, two: FloatArray) -> FloatArray:
    gaps = np.abs(np.cumsum(one - two, axis=-1))[..., :-1]
    result: FloatArray = gaps @ np.diff(counted.values) / counted.scale
    return result


def _jensenshannon(_: Counted, one: FloatArray, two: FloatArray) -> FloatArray:
    middle = (one + two) / 2
    parts = [np.where(share > 0, share * np.log(share / middle), 0).sum(axis=-1) for share in (one, two)]
    empty = np.isnan(one).any(axis=-1) | np.isnan(two).any(axis=-1)
    result: FloatArray = np.where(empty, np.nan, np.sqrt(np.maximum(parts[0] + parts[1], 0) / 2))
    return result


def _psi(_: Counted, one: FloatArray, two: FloatArray) -> FloatArray:
    first, second = np.maximum(one, LEAST_SHARE), np.maximum(two, LEAST_SHARE)
    result: FloatArray = ((second - first) * np.log(second / first)).sum(axis=-1)
    return result


def _difference(counted: Counted, one: FloatArray, two: FloatArray) -> FloatArray:
    result: FloatArray = np.abs((one - two) @ counted.values)
    return result


def _gained(_: Counted, one: FloatArray, two: FloatArray) -> FloatArray:
    # A dry month has more rows without rain: growth of the value of most rows is no sign of a stuck sensor.
    grown = np.where(one > MOST_ROWS, 0, two - one)
    result: FloatArray = np.maximum(grown.max(axis=-1), 0)
    return result


_DISTANCES = {
    "wasserstein": _wasserstein,
    "jensenshannon": _jensenshannon,
    "psi": _psi,
    "difference": _difference,
    "gained": _gained,
}
