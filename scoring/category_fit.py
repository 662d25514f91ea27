"""Residuals of categories: is a row's category as usual beside its most associated column as it was in the reference?

The score of a row is its pointwise mutual information, log P(other | category) / P(other), minus its mean over
P(other | category). The mean score stays 0 where only the shares of categories change. It falls where the association
is lost, because sources were joined wrongly or a mapping changed. As for numbers, each fold of the reference is scored
by the counts of the other folds (`drift_statistics.py`).

Source: Church & Hanks 1990, "Word association norms, mutual information, and lexicography" (Computational Linguistics
16); Miller 1955, "Note on the bias of information estimates", for the correction by which columns are chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.distances import DECILES, FloatArray, IntArray

Columns = Mapping[str, npt.NDArray[Any]]
# The least uncertainty coefficient (Theil's U) of an association. In a year of flights, pressure and weekday have 0.04,
# because some storms came on a Friday; carriers, places and aircraft have 0.3 or more.
MIN_ASSOCIATION = 0.1
# Pseudo-counts: so many rows with the overall shares are added to each category, so that a rare one scores near 0.
PRIOR_ROWS = 10.0
# Evenly spaced rows of the reference; enough to find the association.
ROWS_TO_CHOOSE_BY = 5000


@dataclass(frozen=True)
class Codes:
    """How a column's values become cells: by `levels` (text) or `edges` (numbers). The last cell is for all others."""

    levels: npt.NDArray[np.str_] | None
    edges: FloatArray

    @property
    def cells(self) -> int:
        return (len(self.edges) + 1 if self.levels is None else len(self.levels)) + 1

    def of(self, values: npt.NDArray[Any]) -> IntArray:
        """[rows]: missing numbers and new categories are in the last cell."""
        if self.levels is None:
            numbers = values.astype(np.float64)
            return np.where(np.isnan(numbers), self.cells - 1, np.searchsorted(self.edges, numbers, side="right"))
        texts = values.astype(str)
        places = np.minimum(np.searchsorted(self.levels, texts), len(self.levels) - 1)
        return np.where(self.levels[places] == texts, places, self.cells - 1)


@dataclass(frozen=True)
class CategoryFit:
    """`scores`: [folds, cells of the category, cells of the other column]."""

    name: str
    other: str
    codes: Codes
    of_other: Codes
    scores: FloatArray

    def residuals(self, table: Columns, folds: IntArray) -> FloatArray:
        """[rows]: the score of each row, by the counts of the other folds."""
        found: FloatArray = self.scores[folds, self.codes.of(table[self.name]), self.of_other.of(table[self.other])]
        return found


def fit_categories(
    table: Columns, categories: Sequence[str], others: Sequence[str], folds: IntArray
) -> list[CategoryFit]:
    """A fit for each of `categories` that is associated with a column. `others`: numbers; `folds`: [rows]."""
    codes = {name: _codes_of(table[name], is_text=name in categories) for name in (*categories, *others)}
    rows = np.unique(np.linspace(0, len(folds) - 1, min(len(folds), ROWS_TO_CHOOSE_BY)).astype(np.int64))
    cells = {name: codes[name].of(table[name][rows]) for name in codes}
    found = []
    for name in categories:
        association = {
            other: _uncertainty_coefficient(cells[name], cells[other], codes[name].cells, codes[other].cells)
            for other in codes
            if other != name
        }
        best = max(association, key=lambda other: association[other], default="")
        if best and association[best] >= MIN_ASSOCIATION:
            found.append(_fit(table, name, best, codes, folds))
    return found


def _codes_of(values: npt.NDArray[Any], *, is_text: bool) -> Codes:
    if is_text:
        return Codes(np.unique(values.astype(str)), np.empty(0))
    known = values.astype(np.float64)
    known = known[~np.isnan(known)]
    return Codes(None, np.unique(np.quantile(known, DECILES)) if len(known) else np.empty(0))


def _fit(table: Columns, name: str, other: str, codes: Mapping[str, Codes], folds: IntArray) -> CategoryFit:
    mine, theirs = codes[name], codes[other]
    shape = mine.cells, theirs.cells
    cells = mine.of(table[name]) * theirs.cells + theirs.of(table[other])
    every = int(folds.max()) + 1
    scores = [
        _scores(np.bincount(cells[folds != fold], minlength=shape[0] * shape[1]).reshape(shape))
        for fold in range(every)
    ]
    return CategoryFit(name, other, mine, theirs, np.stack(scores))


def _scores(counts: IntArray) -> FloatArray:
    """Rounded: logarithms differ in the last bit between processors."""
    cells = counts.shape[1]
    overall = (counts.sum(axis=0) + 1) / (counts.sum() + cells)
    given = (counts + PRIOR_ROWS * overall) / (counts.sum(axis=1, keepdims=True) + PRIOR_ROWS)
    information = np.log(given / overall)
    centred = information - (given * information).sum(axis=1, keepdims=True)
    rounded: FloatArray = np.round(centred, 9)
    return rounded


def _uncertainty_coefficient(one: IntArray, two: IntArray, cells: int, others: int) -> float:
    """Theil's U of the first given the second, corrected for the mutual information that chance gives."""
    joint = np.bincount(one * others + two, minlength=cells * others).reshape(cells, others) / len(one)
    sides = joint.sum(axis=1), joint.sum(axis=0)
    of_one, of_two, of_both = (_entropy(shares) for shares in (*sides, joint))
    freedom = (np.count_nonzero(sides[0]) - 1) * (np.count_nonzero(sides[1]) - 1)
    information = of_one + of_two - of_both - freedom / (2 * len(one))
    return round(information / of_one, 9) if of_one else 0.0


def _entropy(shares: FloatArray) -> float:
    """In nats."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
