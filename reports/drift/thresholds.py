"""Computes the threshold above which a distance is more than chance, by a permutation test.

Two samples of one distribution differ, small ones more. If nothing has moved, the rows of reference and window are
exchangeable. So they are mixed and split again many times, as whole rows, which keeps the correlation of columns. Each
column's distances are centred and scaled by their own mean and standard deviation, and of each split the largest of all
columns is kept. The threshold is a quantile of these maxima, so the *false-alarm rate is that of the window*, whatever
the number of columns. It is exact for independent rows: with ties, heavy tails, categories on one side only, few rows.

**Groups.** Rows of one person or machine are not independent. If the table was split by groups (data.group), whole
groups are permuted, which is exact for groups of any size. In production the group of a request is unknown. Requests
may come in whole groups, like the reference. So both sides are also drawn from the reference's groups, whole, with
replacement, and the larger of the two thresholds is used.

Sources: Westfall & Young 1993, "Resampling-Based Multiple Testing" (the maximum statistic); Hemerik & Goeman 2018,
"Exact testing with random permutations" (TEST 27) for the quantile of a random part of all permutations; Davison &
Hinkley 1997, "Bootstrap Methods and their Application", 3.8, for drawing whole groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from contracts.terminal.progress import progress
from scoring.distances import Counted, FloatArray, IntArray, coarsened, distance_of_counts

# Enough draws for the quantile, and no more than a second or two can count.
MOST_DRAWS = 600
LEAST_DRAWS = 200
ROWS_IN_ALL = 400_000_000
KEYS_AT_ONCE = 2_000_000
# More distinct numbers than this are binned: that changes a distance by 0.3 %, and takes a quarter of the time.
MOST_CELLS = 256


@dataclass(frozen=True)
class Groups:
    """Which rows belong together, by any numbers [rows]; one number on both sides means two groups.

    `window`: None if unknown.
    """

    reference: IntArray
    window: IntArray | None

    def counts(self, window_rows: int) -> tuple[int, int]:
        """The number of groups of reference and window; if unknown, what so many rows have in the reference."""
        of_reference = len(np.unique(self.reference))
        if self.window is not None:
            return of_reference, len(np.unique(self.window))
        return of_reference, max(1, round(window_rows * of_reference / max(1, len(self.reference))))


def by_chance(columns: Sequence[Counted], rate: float, seed: int, groups: Groups | None = None) -> FloatArray:
    """Each column's threshold. `columns`: of the same rows of reference and window; `rate`: of the whole window.

    Raises ValueError if there are no columns, or no rows on one side.
    """
    if groups is None:
        return _limits(null_distances(columns, seed), rate)
    of_groups = _limits(null_distances_of_groups(columns, groups, seed), rate)
    if groups.window is not None:
        return of_groups
    return np.maximum(of_groups, _limits(null_distances(columns, seed), rate))


def _limits(distances: FloatArray, rate: float) -> FloatArray:
    """One threshold a column, from `distances` [draws, columns]."""
    middle, spread = distances.mean(axis=0), distances.std(axis=0)
    standard = ((distances - middle) / np.where(spread > 0, spread, 1)).max(axis=1)
    # The observed split is one more draw: of draws + 1, a share of `rate` is above the threshold.
    place = int(np.ceil((1 - rate) * (len(standard) + 1))) - 1
    thresholds: FloatArray = middle + np.sort(standard)[min(place, len(standard) - 1)] * spread
    return thresholds


def null_distances(columns: Sequence[Counted], seed: int) -> FloatArray:
    """Distances [draws, columns] after permuting the rows of reference and window."""
    rows, window = _sizes(columns)
    draws = int(np.clip(ROWS_IN_ALL // (min(rows, window) * len(columns)), LEAST_DRAWS, MOST_DRAWS))
    pooled = [_pooled(one) for one in columns]
    parts, done = [], 0
    with progress("drift thresholds, draws", draws) as shown:
        for taken in _splits(rows + window, min(rows, window), draws, seed):
            parts.append(np.stack([_distances(one, codes, taken, rows <= window) for one, codes in pooled], axis=1))
            done += len(taken)
            shown.at(done)
    # A side without any value has no distance; that happens if most of a column is missing.
    return np.nan_to_num(np.concatenate(parts))


def null_distances_of_groups(columns: Sequence[Counted], groups: Groups, seed: int) -> FloatArray:
    """Distances [draws, columns] after permuting whole groups or, if the window's are unknown, drawing new ones."""
    rows, window = _sizes(columns)
    draws = int(np.clip(ROWS_IN_ALL // ((rows + window) * len(columns)), LEAST_DRAWS, MOST_DRAWS))
    if groups.window is None:
        units, taken = groups.reference, np.arange(rows)
    else:
        units = np.concatenate([2 * groups.reference, 2 * groups.window + 1])
        taken = np.concatenate([_comparable_rows(groups, rows, window, seed), np.arange(rows, rows + window)])
    _, places = np.unique(units[taken], return_inverse=True)
    # For each column [groups, cells]: the number of rows of each group with each value.
    tables = [(one, _cells_of_groups(codes[taken], places, one.cells + 1)) for one, codes in map(_pooled, columns)]
    parts, done = [], 0
    with progress("drift thresholds, draws", draws) as shown:
        for before, now in _drawn_groups(*groups.counts(window), draws, seed, with_replacement=groups.window is None):
            pairs = [(one, (before @ table)[:, 1:], (now @ table)[:, 1:]) for one, table in tables]
            parts.append(np.stack([distance_of_counts(*pair) for pair in pairs], axis=1))
            done += len(before)
            shown.at(done)
    return np.nan_to_num(np.concatenate(parts))


def _comparable_rows(groups: Groups, rows: int, window: int, seed: int) -> IntArray:
    """Positions of reference rows, such that groups have on average no more of them than the window's groups have rows.

    A load test that does not reach every row replays parts of groups, which cannot be exchanged for whole ones.
    """
    of_reference, of_window = groups.counts(window)
    share = min(1.0, (window / of_window) / (rows / of_reference))
    _, group, sizes = np.unique(groups.reference, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(rows), group))
    place = np.empty(rows, dtype=np.int64)
    place[order] = np.arange(rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.flatnonzero(place < np.maximum(1, np.round(share * sizes))[group])


def _drawn_groups(
    reference: int, window: int, draws: int, seed: int, *, with_replacement: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """How often each group [draws at once, groups] is on the side of the reference, and on that of the window."""
    random = np.random.default_rng(seed)
    count = reference if with_replacement else reference + window
    at_once = max(1, KEYS_AT_ONCE // count)
    for begin in range(0, draws, at_once):
        size = min(at_once, draws - begin)
        if with_replacement:
            shares = np.full(count, 1 / count)
            before, now = (random.multinomial(taken, shares, size) for taken in (reference, window))
            yield before.astype(np.float64), now.astype(np.float64)
            continue
        is_now = np.zeros((size, count))
        np.put_along_axis(is_now, np.argsort(random.random((size, count)), axis=1)[:, :window], 1, axis=1)
        yield 1 - is_now, is_now


def _cells_of_groups(codes: IntArray, places: IntArray, cells: int) -> "csr_array":
    return csr_array((np.ones(len(codes)), (places, codes)), shape=(int(places.max()) + 1, cells))


def _sizes(columns: Sequence[Counted]) -> tuple[int, int]:
    rows, window = (len(codes) for codes in (columns[0].reference, columns[0].current))
    if not rows or not window:
        raise ValueError(f"{rows} reference rows and {window} rows of the window cannot be permuted")
    return rows, window


def _splits(rows: int, smaller: int, draws: int, seed: int) -> Iterator[IntArray]:
    """The rows of the smaller side: [draws at once, smaller]."""
    random = np.random.default_rng(seed)
    at_once = max(1, KEYS_AT_ONCE // rows)
    for begin in range(0, draws, at_once):
        keys = random.random((min(at_once, draws - begin), rows), dtype=np.float32)
        yield np.argpartition(keys, smaller - 1, axis=1)[:, :smaller]


def _pooled(column: Counted) -> tuple[Counted, IntArray]:
    """The binned column, and the bin of each row of both sides, from 1; 0 is missing."""
    one = coarsened(column, MOST_CELLS)
    return one, np.concatenate([one.reference, one.current]) + 1


def _distances(column: Counted, codes: IntArray, taken: IntArray, is_reference: bool) -> FloatArray:
    cells = column.cells + 1
    every = np.bincount(codes, minlength=cells).astype(np.float64)
    places = codes[taken] + np.arange(len(taken))[:, None] * cells
    some = np.bincount(places.ravel(), minlength=len(taken) * cells).reshape(-1, cells).astype(np.float64)
    sides = (some, every - some) if is_reference else (every - some, some)
    return distance_of_counts(column, *(one[:, 1:] for one in sides))
