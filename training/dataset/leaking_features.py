"""Finds a feature that is the target in disguise: equal to it, a code for it, or enough alone to tell it.

A real feature is never this good; one that is was almost always made from the answer. How much it tells runs from 0 to
1 and is measured on train, on at most 200,000 rows of it, evenly spread:

- classes from numbers: the area under the ROC curve, missing values counted once as lowest and once as highest;
  for more than two classes, 1 where no two classes overlap;
- classes from categories, or from numbers with few distinct values: shares of classes learned on every other row and
  judged by the area under the ROC curve on the rest, the worst class counting;
- numbers from numbers: the larger of Pearson's and Spearman's correlation; from categories, means learned likewise.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.refusals import UnfitTableError

LEAKS_ALL = 0.999
MOST_ROWS = 200_000
FEW_VALUES = 200
FEWEST_PRESENT = 0.5

Array = npt.NDArray[Any]


def refuse_disguise(name: str, values: Array, is_text: bool, target: Array, classes: int) -> None:
    """Raise UnfitTableError where one feature tells the target. `values`, `target`: [rows of train]; codes where there
    are classes, and numbers where `classes` is 0."""
    step = -(-len(target) // MOST_ROWS)
    seen = target_auc(values[::step], is_text, target[::step], classes)
    if seen >= LEAKS_ALL:
        measure = "its area under the ROC curve" if classes else "its correlation with it"
        raise UnfitTableError(
            f"feature {name!r} alone tells the target: {measure} is {seen:.4f} on train. If it is made from the "
            "answer, or known only after it, list it under features.exclude; if it is not, predict it by a rule.",
            code="target-leakage",
        )


def target_auc(values: Array, is_text: bool, target: Array, classes: int) -> float:
    """From 0 (tells nothing that is looked for here) to 1 (tells all)."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    by_value = _by_value(codes, len(distinct), target, classes) if is_text or len(distinct) <= FEW_VALUES else 0.0
    if is_text:
        return by_value
    if classes == 0:
        return max(by_value, _correlation(values, target))
    if classes == 2:
        return max(by_value, _auc_of_numbers(values, target == 1))
    return max(by_value, float(_is_apart(values, target, classes)))


def auc(scores: Array, is_positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney); 0.5 where one side is empty. Both [rows]."""
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return 0.5
    ranks = pd.Series(scores).rank().to_numpy()
    return float((ranks[is_positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _auc_of_numbers(values: Array, is_positive: npt.NDArray[np.bool_]) -> float:
    areas = [auc(np.where(np.isnan(values), edge, values), is_positive) for edge in (-np.inf, np.inf)]
    return max(max(area, 1 - area) for area in areas)


def _is_apart(values: Array, target: Array, classes: int) -> bool:
    """Whether the classes lie in intervals that do not overlap."""
    if np.isnan(values).any():
        return False
    spans = sorted(
        (values[target == code].min(), values[target == code].max())
        for code in range(classes)
        if (target == code).any()
    )
    return all(one[1] < other[0] for one, other in pairwise(spans))


def _by_value(codes: Array, values: int, target: Array, classes: int) -> float:
    """What each value's mean or share of classes, learned on every other row, says of the rest."""
    learn, judge = slice(0, None, 2), slice(1, None, 2)
    if classes == 0:
        return _pearson(_means(codes[learn], values, target[learn])[codes[judge]], target[judge])
    areas = []
    for code in range(1, classes) if classes == 2 else range(classes):
        is_class = (target == code).astype(np.float64)
        scores = _means(codes[learn], values, is_class[learn])[codes[judge]]
        areas.append(auc(scores, is_class[judge] == 1))
    return min(areas)


def _means(codes: Array, values: int, target: Array) -> npt.NDArray[np.float64]:
    """Mean target of each value; of values that were not seen, the mean of all."""
    counts = np.bincount(codes, minlength=values)
    sums = np.bincount(codes, weights=target, minlength=values)
    return np.where(counts > 0, sums / np.maximum(counts, 1), target.mean())


def _correlation(values: Array, target: Array) -> float:
    present = ~np.isnan(values)
    if present.mean() < FEWEST_PRESENT:
        return 0.0
    numbers, answers = values[present].astype(np.float64), target[present]
    return max(_pearson(numbers, answers), _pearson(_ranks(numbers), _ranks(answers)))


def _ranks(values: Array) -> Array:
    return pd.Series(values).rank().to_numpy()


def _pearson(left: Array, right: Array) -> float:
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return abs(float(left @ right)) / scale if scale > 0 else 0.0
