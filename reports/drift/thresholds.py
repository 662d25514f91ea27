"""From where on a distance is more than chance, for this very reference and window.

Two samples of one distribution are never equal, and the smaller they are the less. If nothing has moved, the rows of
reference and window could change places. So they are put together and dealt out anew, many times, whole rows, so that
columns hang together as they do; the distances of many such pairs say what chance does. Each column's are centred and
scaled by their own mean and standard deviation, the largest of all columns is taken from each pair, and the threshold
is that largest's quantile: so the *false alarm rate is that of the window*, whatever the number of columns, and it is
exact for rows that are independent: with ties, heavy tails, categories that only one side has, and few rows.

Sources: Westfall & Young 1993, "Resampling-Based Multiple Testing" (the maximum statistic); Hemerik & Goeman 2018,
"Exact testing with random permutations" (TEST 27) for the quantile of a random part of all permutations.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from contracts.terminal.progress import progress
from scoring.distances import Counted, FloatArray, IntArray, coarsened, distance_of_counts

# Enough for the quantile, and no more cells in all than a second or two can count.
MOST_DRAWS = 600
LEAST_DRAWS = 200
ROWS_IN_ALL = 400_000_000
KEYS_AT_ONCE = 2_000_000
# Distinct numbers beyond this are put together: it moves a distance by a third of a hundredth, and costs a quarter.
MOST_CELLS = 256


def by_chance(columns: Sequence[Counted], rate: float, seed: int) -> FloatArray:
    """One threshold a column. `columns`: all of the same rows of reference and window; `rate`: of the whole window.

    Raises ValueError where there are no columns, or no rows on one side.
    """
    distances = null_distances(columns, seed)
    middle, spread = distances.mean(axis=0), distances.std(axis=0)
    standard = ((distances - middle) / np.where(spread > 0, spread, 1)).max(axis=1)
    # What was seen is one more draw: with it, rate × (draws + 1) of all are above the limit.
    place = int(np.ceil((1 - rate) * (len(standard) + 1))) - 1
    thresholds: FloatArray = middle + np.sort(standard)[min(place, len(standard) - 1)] * spread
    return thresholds


def null_distances(columns: Sequence[Counted], seed: int) -> FloatArray:
    """Distances [draws, columns] of reference and window after their rows have changed places."""
    rows, window = (len(codes) for codes in (columns[0].reference, columns[0].current))
    if not rows or not window:
        raise ValueError(f"{rows} reference rows and {window} rows of the window leave nothing to deal out")
    draws = int(np.clip(ROWS_IN_ALL // (min(rows, window) * len(columns)), LEAST_DRAWS, MOST_DRAWS))
    pooled = [_pooled(one) for one in columns]
    parts, done = [], 0
    with progress("drift thresholds, draws", draws) as shown:
        for dealt in _deals(rows + window, min(rows, window), draws, seed):
            parts.append(np.stack([_distances(one, codes, dealt, rows <= window) for one, codes in pooled], axis=1))
            done += len(dealt)
            shown.at(done)
    # A sample without a single value is no distance: it can be dealt where most of a column is missing.
    return np.nan_to_num(np.concatenate(parts))


def _deals(rows: int, taken: int, draws: int, seed: int) -> Iterator[IntArray]:
    """Which rows the smaller side gets: [draws at once, taken]."""
    random = np.random.default_rng(seed)
    at_once = max(1, KEYS_AT_ONCE // rows)
    for begin in range(0, draws, at_once):
        keys = random.random((min(at_once, draws - begin), rows), dtype=np.float32)
        yield np.argpartition(keys, taken - 1, axis=1)[:, :taken]


def _pooled(column: Counted) -> tuple[Counted, IntArray]:
    """The column with fewer distinct numbers, and the cell of each row of both sides, from 1; 0 is missing."""
    one = coarsened(column, MOST_CELLS)
    return one, np.concatenate([one.reference, one.current]) + 1


def _distances(column: Counted, codes: IntArray, dealt: IntArray, is_reference: bool) -> FloatArray:
    cells = column.cells + 1
    every = np.bincount(codes, minlength=cells).astype(np.float64)
    places = codes[dealt] + np.arange(len(dealt))[:, None] * cells
    some = np.bincount(places.ravel(), minlength=len(dealt) * cells).reshape(-1, cells).astype(np.float64)
    sides = (some, every - some) if is_reference else (every - some, some)
    return distance_of_counts(column, *(one[:, 1:] for one in sides))
