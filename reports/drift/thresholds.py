"""From where on a distance is more than chance, at the window's own size.

Two samples of one distribution are never equal, and the smaller they are the less. So reference and window are both
drawn anew from the reference's rows, whole rows, so that columns hang together as they do; the window as large as the
one to be judged. The distances of many such pairs say what chance does. Each column's are centred and scaled by their
own mean and standard deviation, the largest of all columns is taken from each pair, and the threshold is that largest's
quantile: so the *false alarm rate is that of the window*, whatever the number of columns.

Resampling both sides matters: with the reference held still, a window of its own size alarms nearly always.

Missing rates are often 0 in the reference, of which a bootstrap makes 0 for ever. They have a test of their own: both
counts are drawn from a binomial distribution whose rate is smoothed by half a row (Jeffreys), and the rate of false
alarms is divided by the number of columns (Bonferroni).

Source: Westfall & Young 1993, "Resampling-Based Multiple Testing" (the maximum statistic); Efron & Tibshirani 1993, "An
Introduction to the Bootstrap", chapter 16 (two samples under one distribution).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scoring.distances import Counted, FloatArray, IntArray, distance_of_counts

# Enough for the quantile, and no more rows in all than a second or two can count.
MOST_DRAWS = 600
LEAST_DRAWS = 200
ROWS_IN_ALL = 6_000_000
DRAWS_AT_ONCE = 25
MISSING_DRAWS = 20_000


def by_chance(columns: Sequence[Counted], window_rows: int, rate: float, seed: int) -> FloatArray:
    """One threshold a column. `columns`: all of the same reference rows; `rate`: of the whole window.

    Raises ValueError where there are no columns or no rows to draw from.
    """
    distances = null_distances(columns, window_rows, seed)
    middle, spread = distances.mean(axis=0), distances.std(axis=0)
    standard = (distances - middle) / np.where(spread > 0, spread, 1)
    limit = np.quantile(standard.max(axis=1), 1 - rate, method="higher")
    thresholds: FloatArray = middle + limit * spread
    return thresholds


def null_distances(columns: Sequence[Counted], window_rows: int, seed: int) -> FloatArray:
    """Distances [draws, columns] of pairs of samples of one distribution."""
    rows = len(columns[0].reference)
    if not rows or not window_rows:
        raise ValueError(f"{rows} reference rows and {window_rows} rows of the window leave nothing to draw")
    random = np.random.default_rng(seed)
    draws = int(np.clip(ROWS_IN_ALL // (rows + window_rows), LEAST_DRAWS, MOST_DRAWS))
    alone = [_of_reference(one) for one in columns]
    sorters = [_sorter(one) for one in alone]
    parts = []
    for begin in range(0, draws, DRAWS_AT_ONCE):
        count = min(DRAWS_AT_ONCE, draws - begin)
        reference, window = (_times_drawn(random, count, rows, size) for size in (rows, window_rows))
        pairs = [
            distance_of_counts(one, _counts(reference, *sorter), _counts(window, *sorter))
            for one, sorter in zip(alone, sorters, strict=True)
        ]
        parts.append(np.stack(pairs, axis=1))
    # A sample without a single value is no distance: it can be drawn where most of a column is missing.
    return np.nan_to_num(np.concatenate(parts))


def _times_drawn(random: np.random.Generator, draws: int, rows: int, size: int) -> FloatArray:
    """How often each row is in a sample of `size`: [draws, rows]."""
    drawn = random.integers(rows, size=(draws, size)) + np.arange(draws)[:, None] * rows
    return np.bincount(drawn.ravel(), minlength=draws * rows).reshape(draws, rows).astype(np.float64)


def _of_reference(column: Counted) -> Counted:
    """The same with those values alone that the reference has."""
    known = column.reference >= 0
    present, codes = np.unique(column.reference[known], return_inverse=True)
    reference = np.full(len(known), -1, dtype=np.int64)
    reference[known] = codes
    values = column.values[present] if len(column.values) else column.values
    return replace(column, reference=reference, values=values, cells=len(present))


def _sorter(column: Counted) -> tuple[IntArray, IntArray]:
    """The rows in the order of their values, missing ones left out; and where each value begins among them."""
    order = np.argsort(column.reference, kind="stable")
    order = order[int((column.reference < 0).sum()) :]
    return order, np.searchsorted(column.reference[order], np.arange(column.cells)).astype(np.int64)


def _counts(times: FloatArray, order: IntArray, begins: IntArray) -> FloatArray:
    """How often each value was drawn: [draws, cells]. Every cell has a row, for the values are the reference's own."""
    ordered = times[:, order]
    return ordered if len(begins) == len(order) else np.add.reduceat(ordered, begins, axis=1)


def missing_by_chance(
    missing: Sequence[int], reference_rows: int, window_rows: int, rate: float, seed: int
) -> FloatArray:
    """For each column's missing rows of the reference: from which difference of shares on it is more than chance."""
    random = np.random.default_rng(seed)
    limits: list[float] = []
    for count in missing:
        share = (count + 0.5) / (reference_rows + 1)
        drawn = [random.binomial(rows, share, MISSING_DRAWS) / rows for rows in (reference_rows, window_rows)]
        differences = np.abs(drawn[0] - drawn[1])
        limits.append(float(np.quantile(differences, 1 - rate / len(missing), method="higher")))
    return np.array(limits)
