"""Refuses a feature that leaks the target: equal to it, a code for it, or enough to predict it alone.

A real feature is never this good; such a feature was almost always computed from the target. Its score runs from 0 to 1
and is measured on at most 200,000 rows of train, evenly spread:

- classes from numbers: the area under the ROC curve, with missing values once as lowest and once as highest; for more
  than two classes, 1 where no two classes overlap;
- classes from categories, or from numbers with few distinct values: class shares are learned on every other row, and
  scored by the area under the ROC curve on the rest; the class with the lowest score counts;
- numbers from numbers: the larger of Pearson's and Spearman's correlation; from categories: means, learned likewise.
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


def refuse_leaking_feature(name: str, values: Array, is_text: bool, target: Array, classes: int) -> None:
    """Raises UnfitTableError where one feature predicts the target.

    `values`: [rows of train]; `target`: [rows of train], codes of classes, or numbers where `classes` is 0.
    """
    step = -(-len(target) // MOST_ROWS)
    seen = target_auc(values[::step], is_text, target[::step], classes)
    if seen >= LEAKS_ALL:
        measure = "its area under the ROC curve" if classes else "its correlation with it"
        raise UnfitTableError(
            f"feature {name!r} alone tells the target: {measure} is {seen:.4f} on train. If it is computed from the "
            "target, or known only after it, list it under features.exclude. If not, a rule can replace the model.",
            code="target-leakage",
        )


def target_auc(values: Array, is_text: bool, target: Array, classes: int) -> float:
    """The feature's score: from 0 (predicts nothing) to 1 (predicts all)."""
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
    """Whether the classes are in intervals that do not overlap."""
    if np.isnan(values).any():
        return False
    spans = sorted(
        (values[target == code].min(), values[target == code].max())
        for code in range(classes)
        if (target == code).any()
    )
    return all(one[1] < other[0] for one, other in pairwise(spans))


def _by_value(codes: Array, values: int, target: Array, classes: int) -> float:
    """The score of each value's mean or class share, learned on every other row and scored on the rest."""
    learn, rest = slice(0, None, 2), slice(1, None, 2)
    if classes == 0:
        return _pearson(_means(codes[learn], values, target[learn])[codes[rest]], target[rest])
    areas = []
    for code in range(1, classes) if classes == 2 else range(classes):
        is_class = (target == code).astype(np.float64)
        scores = _means(codes[learn], values, is_class[learn])[codes[rest]]
        areas.append(auc(scores, is_class[rest] == 1))
    return min(areas)


def _means(codes: Array, values: int, target: Array) -> npt.NDArray[np.float64]:
    """The mean target of each value; for values that were not seen, the mean of all."""
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
