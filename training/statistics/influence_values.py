"""Each metric's value, and its *influence values*: how much each row moves it.

Influence values are one number for each row. They sum to zero, and

    value on these rows - value on all rows to come  ≈  mean of the influence values

(Hampel 1974, "The influence curve and its role in robust estimation", JASA 69). `intervals.py` makes every interval
from them, because the variance of a mean is simple, even where rows depend on each other. Four forms cover all metrics:

- a mean of losses per row (Brier, log loss, accuracy, MAE, MAPE, pinball): the influence is loss - mean;
- a ratio of two means, or a function of one (precision, recall, F1, R², RMSE): the delta method;
- AUC: the placement values of DeLong, DeLong & Clarke-Pearson 1988 ("Comparing the areas under two or more
  correlated receiver operating characteristic curves", Biometrics 44), found in O(n log n) by sorting, as in
  Sun & Xu 2014 ("Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21);
- average precision: the mean over positives of the precision at their score, differentiated through both counts.

With several classes, values and influence values are averaged over them. With weights every mean is a weighted one.
`scores.py` checks the arrays, and multiplies each row's influence by its weight.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from contracts.pipeline_toml.keys import QUANTILES
from training.statistics.metrics import FloatArray, IntArray

Weights: TypeAlias = FloatArray | None  # [n], with a mean of 1; None: every row counts the same
CALIBRATION_BINS = 10
TINY = 1e-300  # replaces a weight of 0 in a divisor


class Scored(NamedTuple):
    """A metric's value and its influence values [n], which sum to zero."""

    value: float
    influence: FloatArray


OfClass = Callable[[npt.NDArray[np.bool_], FloatArray, Weights], Scored]


def mean_of(losses: FloatArray, weights: Weights) -> Scored:
    """The mean of a loss per row."""
    value = float(_weighted(losses, weights).mean())
    return Scored(value, losses - value)


def _weighted(values: npt.NDArray[Any], weights: Weights) -> npt.NDArray[Any]:
    return values if weights is None else values * weights


def _ratio(numerator: FloatArray, denominator: FloatArray, weights: Weights) -> Scored:
    total = float(_weighted(denominator, weights).sum())
    if total == 0:
        return Scored(0.0, np.zeros(len(numerator)))  # precision where nothing is positive: scikit-learn says 0, too
    value = float(_weighted(numerator, weights).sum()) / total
    return Scored(value, (numerator - value * denominator) * (len(numerator) / total))


def _average(parts: list[Scored]) -> Scored:
    return Scored(
        sum(part.value for part in parts) / len(parts),
        sum((part.influence for part in parts), np.zeros(1)) / len(parts),
    )


def _area(is_positive: npt.NDArray[np.bool_], scores: FloatArray, weights: Weights) -> Scored:
    """AUC of one class, by placement values. Ties count half.

    A positive's placement value is the share of negatives below it, a negative's is the share of positives above it.
    The rarer a class, the more each of its rows weighs.
    """
    _, level = np.unique(scores, return_inverse=True)
    negatives_below = _share_below(np.bincount(level, weights=_weighted(~is_positive, weights)).astype(np.float64))
    positives_above = 1 - _share_below(np.bincount(level, weights=_weighted(is_positive, weights)).astype(np.float64))
    placement = np.where(is_positive, negatives_below[level], positives_above[level])
    share = float(_weighted(is_positive, weights).mean())
    value = float(
        placement[is_positive].mean() if weights is None else (placement * is_positive * weights).mean() / share
    )
    share_of_class = np.where(is_positive, share, 1 - share)
    return Scored(value, (placement - value) / share_of_class)


def _share_below(counts: FloatArray) -> FloatArray:
    share: FloatArray = (np.cumsum(counts) - counts / 2) / counts.sum()
    return share


def _roc_auc(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    return _one_against_the_rest(_area, truth, predicted, weights)


def _average_precision(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    return _one_against_the_rest(_precision_over_ranks, truth, predicted, weights)


def _one_against_the_rest(of: OfClass, truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    classes = [1] if predicted.shape[1] == 2 else range(predicted.shape[1])
    return _average([of(truth == position, predicted[:, position], weights) for position in classes])


def _precision_over_ranks(truth: npt.NDArray[np.bool_], scores: FloatArray, weights: Weights) -> Scored:
    """The mean over positives of the precision at their score.

    A row at score s moves it in two ways: as a positive by its own precision, and as one of the rows at or above every
    positive with a score of at most s.
    """
    _, level = np.unique(scores, return_inverse=True)
    rows = np.bincount(level, weights=weights)
    positives = np.bincount(level, weights=_weighted(truth, weights))
    rows_from = np.maximum(np.cumsum(rows[::-1])[::-1], TINY)
    precision = np.cumsum(positives[::-1])[::-1] / rows_from
    value = float(positives @ precision / positives.sum())
    as_positive = np.cumsum(positives / rows_from)
    as_row = np.cumsum(positives * precision / rows_from)
    moves = truth * (precision + as_positive - value)[level] - as_row[level]
    return Scored(value, moves * (len(truth) / positives.sum()))


def _brier(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    if predicted.shape[1] == 2:
        return mean_of((predicted[:, 1] - truth) ** 2, weights)
    return mean_of(((predicted - np.eye(predicted.shape[1])[truth]) ** 2).sum(axis=1), weights)


def _log_loss(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    epsilon = np.finfo(np.float64).eps
    return mean_of(-np.log(np.clip(predicted[np.arange(len(truth)), truth], epsilon, 1 - epsilon)), weights)


def _calibration_error(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    probability = predicted[:, 1]
    edges = np.percentile(probability, np.linspace(0, 100, CALIBRATION_BINS + 1))
    bins = np.searchsorted(edges[1:-1], probability)
    excess = probability - truth
    return mean_of(np.sign(np.bincount(bins, weights=_weighted(excess, weights)))[bins] * excess, weights)


def _accuracy(truth: IntArray, decided: IntArray, _classes: int, weights: Weights) -> Scored:
    return mean_of((truth == decided).astype(np.float64), weights)


def _precision(truth: IntArray, decided: IntArray, _classes: int, weights: Weights) -> Scored:
    return _ratio((truth * decided).astype(np.float64), decided.astype(np.float64), weights)


def _recall(truth: IntArray, decided: IntArray, _classes: int, weights: Weights) -> Scored:
    return _ratio((truth * decided).astype(np.float64), truth.astype(np.float64), weights)


def _f1(truth: IntArray, decided: IntArray, classes: int, weights: Weights) -> Scored:
    positions = [1] if classes == 2 else range(classes)
    return _average([_f1_of(truth == position, decided == position, weights) for position in positions])


def _f1_of(is_class: npt.NDArray[np.bool_], is_decided: npt.NDArray[np.bool_], weights: Weights) -> Scored:
    hits, rows, decided = (each.astype(np.float64) for each in (is_class & is_decided, is_class, is_decided))
    return _ratio(2 * hits, rows + decided, weights)


def _rmse(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    square = mean_of((predicted - truth) ** 2, weights)
    root = float(np.sqrt(square.value))
    return Scored(root, square.influence / (2 * root) if root else square.influence)


def _mae(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    return mean_of(np.abs(predicted - truth), weights)


def _r2(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    mean = _weighted(truth, weights).mean()
    unexplained = _ratio((predicted - truth) ** 2, (truth - mean) ** 2, weights)
    return Scored(1 - unexplained.value, -unexplained.influence)


def _mape(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    return mean_of(np.abs(predicted - truth) / np.abs(truth), weights)


def _pinball(truth: FloatArray, predicted: FloatArray, weights: Weights, *, quantile: float) -> Scored:
    below = truth - predicted
    return mean_of(np.maximum(quantile * below, (quantile - 1) * below), weights)


def _bias(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    error = mean_of(predicted - truth, weights)
    return Scored(abs(error.value), float(np.sign(error.value)) * error.influence)


VALUE_METRICS: Mapping[str, Callable[[FloatArray, FloatArray, Weights], Scored]] = {
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
    "bias": _bias,
    "mape": _mape,
    **{name: partial(_pinball, quantile=quantile) for name, quantile in QUANTILES.items()},
}
PROBABILITY_METRICS: Mapping[str, Callable[[IntArray, FloatArray, Weights], Scored]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "brier": _brier,
    "log_loss": _log_loss,
    "calibration_error": _calibration_error,
}
DECISION_METRICS: Mapping[str, Callable[[IntArray, IntArray, int, Weights], Scored]] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
}
