"""Metrics of the gate: what each is worth on a holdout, and how much each row moves it.

`score` gives the value, equal to scikit-learn's own. `scored` adds its *influence values*: one number per row, summing
to zero, such that

    value on these rows - value on all rows to come  ≈  mean of the influence values

(Hampel 1974, "The influence curve and its role in robust estimation", JASA 69). `intervals.py` makes every interval
from them, for the variance of a mean is easy however the rows hang together. Four shapes cover all metrics:

- a mean of losses per row (Brier, log loss, accuracy, MAE, MAPE, pinball): influence is loss - mean;
- a ratio of two means, or a function of one (precision, recall, F1, R², RMSE): the delta method;
- AUC: the placement values of DeLong, DeLong & Clarke-Pearson 1988 ("Comparing the areas under two or more
  correlated receiver operating characteristic curves", Biometrics 44), found in O(n log n) by sorting, as in
  Sun & Xu 2014 ("Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21);
- average precision: the mean over positives of the precision at their score, differentiated through both counts.

Several classes are averaged, values and influences alike. With a weight for each row every mean is a weighted one, and
a row's influence is multiplied by its weight. A pure function of arrays: reads and writes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from contracts.pipeline_toml.keys import QUANTILES
from contracts.schema import Task

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Weights: TypeAlias = FloatArray | None  # [n], with a mean of 1; None: every row counts the same

CALIBRATION_BINS = 10
TINY = 1e-300  # in place of a weight of 0 that is divided by
SUM_TOLERANCE = 1e-4  # float32 probabilities of many classes sum to 1 within 1e-5


class ScoringError(ValueError):
    """These rows cannot be scored: says what was seen and what was required. Raised instead of returning NaN."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Metric:
    """What a metric is called, where it applies, and which way is up.

    `lowest` and `highest` are its bounds. `needs_every_class`: it means nothing where a class has no rows.
    `uses_threshold`: for a binary task it judges decisions, p(class 1) ≥ threshold, not probabilities.
    """

    name: str
    title: str
    tasks: frozenset[Task]
    higher_is_better: bool
    lowest: float
    highest: float
    needs_every_class: bool = False
    uses_threshold: bool = False


class Scored(NamedTuple):
    """A metric's value and its influence values [n], which sum to zero."""

    value: float
    influence: FloatArray


OfClass = Callable[[npt.NDArray[np.bool_], FloatArray, Weights], Scored]


_BINARY: frozenset[Task] = frozenset({"binary"})
_CLASSES: frozenset[Task] = frozenset({"binary", "multiclass"})
_VALUES: frozenset[Task] = frozenset({"regression"})
_INF = float("inf")

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("roc_auc", "ROC AUC", _CLASSES, True, 0, 1, needs_every_class=True),
            Metric("average_precision", "Average precision", _CLASSES, True, 0, 1, needs_every_class=True),
            Metric("brier", "Brier score", _CLASSES, False, 0, 2),
            Metric("log_loss", "Log loss", _CLASSES, False, 0, _INF),
            Metric("accuracy", "Accuracy", _CLASSES, True, 0, 1, uses_threshold=True),
            Metric("precision", "Precision", _BINARY, True, 0, 1, needs_every_class=True, uses_threshold=True),
            Metric("recall", "Recall", _BINARY, True, 0, 1, needs_every_class=True, uses_threshold=True),
            Metric("f1", "F1", _CLASSES, True, 0, 1, needs_every_class=True, uses_threshold=True),
            Metric("calibration_error", "Calibration error", _BINARY, False, 0, 1),
            Metric("rmse", "RMSE", _VALUES, False, 0, _INF),
            Metric("mae", "MAE", _VALUES, False, 0, _INF),
            Metric("r2", "R²", _VALUES, True, -_INF, 1),
            Metric("bias", "Absolute bias", _VALUES, False, 0, _INF),
            Metric("mape", "MAPE", _VALUES, False, 0, _INF),
            *(Metric(name, f"Pinball loss at {at:g}", _VALUES, False, 0, _INF) for name, at in QUANTILES.items()),
        )
    }
)


def score(
    metric: str,
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    threshold: float | None,
    weights: npt.ArrayLike | None = None,
) -> float:
    """The metric's value. Arguments and errors as for `scored`."""
    return scored(metric, truth, predicted, threshold=threshold, weights=weights).value


def scored(
    metric: str,
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    threshold: float | None,
    weights: npt.ArrayLike | None = None,
) -> Scored:
    """The metric's value with the influence value of each row.

    truth: positions of the classes, integers [n], or values [n] for regression.
    predicted: probabilities [n, classes], or values [n] for regression. Its shape tells the task: two columns are
    binary, with class 1 the positive one.
    threshold: binary accuracy, precision, recall and F1 decide class 1 where its probability is at least this; all
    else ignores it. Decisions among several classes take the likeliest, the first of equals.
    weights: how much each row counts [n], 0 or more, in any unit; None: all the same.

    Multiclass ROC AUC and average precision (one class against the rest) and F1 are unweighted averages over classes;
    multiclass Brier is the sum over classes, 0 to 2. Precision is 0 where nothing is decided positive. Calibration
    error is the mean, over ten equally filled bins, of |mean probability - share of positives|. Bias is the distance
    of the mean error from 0, so that less is better. MAPE is the mean of |error| / |truth|, as a share: undefined
    where a truth is 0, and refused there. A pinball loss weighs an error below the truth by its quantile, one above it
    by 1 - quantile (Koenker & Bassett 1978, "Regression quantiles", Econometrica 46).

    Raises ScoringError for an unknown metric or one of another task; for arrays that are empty, of differing lengths
    or with NaN, infinite or impossible entries; for a missing threshold; for rows on which the metric is undefined.
    """
    known = METRICS.get(metric)
    if known is None:
        raise ScoringError(f"{metric!r} is no metric; use one of {', '.join(METRICS)}.", code="unknown-metric")
    truths, predictions = np.asarray(truth), np.asarray(predicted, dtype=np.float64)
    task = _task(truths, predictions)
    if task not in known.tasks:
        raise ScoringError(
            f"{metric} is no metric of a {task} task; predictions have shape {predictions.shape}.", code="other-task"
        )
    counted = None if weights is None else _relative(weights, len(truths))
    if task == "regression":
        result = _of_values(metric, truths, predictions, counted)
    else:
        result = _of_classes(known, truths, predictions, threshold, counted)
    return result if counted is None else Scored(result.value, result.influence * counted)


def scored_mean(values: FloatArray, weights: npt.ArrayLike | None = None) -> Scored:
    """The mean of a value per row, with its influence values. weights: as for `scored`."""
    counted = None if weights is None else _relative(weights, len(values))
    result = _mean(values, counted)
    return result if counted is None else Scored(result.value, result.influence * counted)


def _relative(weights: npt.ArrayLike, rows: int) -> FloatArray:
    """Weights with a mean of 1."""
    counted = np.asarray(weights, dtype=np.float64)
    if counted.shape != (rows,):
        raise ScoringError(f"weights have shape {counted.shape} for {rows} rows: one each.", code="other-rows")
    _check_finite("weights", counted)
    if counted.min() < 0 or not counted.any():
        raise ScoringError(
            f"weights run from {counted.min():g} to {counted.max():g}; required 0 or more, and one above 0.",
            code="bad-weights",
        )
    relative: FloatArray = counted / counted.mean()
    return relative


def _counting(weights: Weights) -> npt.NDArray[np.bool_] | slice:
    """The rows that count at all."""
    return slice(None) if weights is None else weights > 0


def _weighted(values: npt.NDArray[Any], weights: Weights) -> npt.NDArray[Any]:
    return values if weights is None else values * weights


def _task(truth: npt.NDArray[np.generic], predicted: FloatArray) -> Task:
    if truth.ndim != 1 or predicted.ndim not in (1, 2):
        seen = f"truth has shape {truth.shape} and predicted {predicted.shape}"
        raise ScoringError(f"{seen}; required [n], and [n] or [n, classes].", code="other-shape")
    if len(truth) != len(predicted):
        raise ScoringError(
            f"truth has {len(truth)} rows and predicted {len(predicted)}: they must be the same rows.",
            code="other-rows",
        )
    if len(truth) == 0:
        raise ScoringError("there are no rows to score.", code="no-rows")
    if predicted.ndim == 1:
        return "regression"
    if predicted.shape[1] < 2:
        raise ScoringError(
            f"predicted has shape {predicted.shape}; required [n] for values, or two and more classes.",
            code="other-shape",
        )
    return "binary" if predicted.shape[1] == 2 else "multiclass"


def _check_values(metric: str, truth: npt.NDArray[np.generic], predicted: FloatArray, weights: Weights) -> None:
    if truth.dtype.kind not in "iuf":
        raise ScoringError(
            f"truth is of type {truth.dtype}; required numbers, or probabilities of shape [n, classes].",
            code="truth-kind",
        )
    for name, values in (("truth", truth.astype(np.float64)), ("predicted", predicted)):
        _check_finite(name, values)
    seen = truth[_counting(weights)]
    if metric == "r2" and (seen == seen[0]).all():
        raise ScoringError(f"r2 is undefined: truth is {seen[0]} on all {len(truth)} rows.", code="constant-truth")
    if metric == "mape" and not truth.all():
        rows = np.flatnonzero(truth == 0)
        raise ScoringError(
            f"mape is undefined: truth is 0 on {len(rows)} of {len(truth)} rows, first on row {rows[0]}, and no error "
            "is a share of nothing; mae is defined there.",
            code="zero-truth",
        )


def _check_probabilities(predicted: FloatArray) -> None:
    _check_finite("predicted", predicted)
    if predicted.min() < 0 or predicted.max() > 1:
        raise ScoringError(
            f"probabilities run from {predicted.min():g} to {predicted.max():g}; required 0 to 1.",
            code="not-probabilities",
        )
    error = np.abs(predicted.sum(axis=1) - 1)
    if error.max() > SUM_TOLERANCE:
        row = int(error.argmax())
        raise ScoringError(
            f"probabilities of row {row} sum to {predicted[row].sum():g}; required 1.", code="not-probabilities"
        )


def _check_classes(metric: Metric, truth: npt.NDArray[np.generic], classes: int, weights: Weights) -> None:
    if truth.dtype.kind not in "iub":
        raise ScoringError(
            f"truth is of type {truth.dtype}; required the positions of classes, as integers.", code="truth-kind"
        )
    positions = truth.astype(np.int64)
    if positions.min() < 0 or positions.max() >= classes:
        raise ScoringError(
            f"truth runs from {positions.min()} to {positions.max()}; required 0 to {classes - 1}.", code="truth-range"
        )
    counts = np.bincount(positions[_counting(weights)], minlength=classes)
    if metric.needs_every_class and not counts.all():
        missing = ", ".join(str(position) for position in np.flatnonzero(counts == 0))
        raise ScoringError(
            f"{metric.name} is undefined: none of {len(truth)} rows is of class {missing}.", code="missing-class"
        )


def _check_finite(name: str, values: FloatArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(bad):
        raise ScoringError(
            f"{name} is NaN or infinite on {len(bad)} of {len(values)} rows, first on row {bad[0]}.", code="not-finite"
        )


def _of_values(metric: str, truth: npt.NDArray[np.generic], predicted: FloatArray, weights: Weights) -> Scored:
    _check_values(metric, truth, predicted, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        result = _VALUE_METRICS[metric](truth.astype(np.float64), predicted, weights)
    if not (np.isfinite(result.value) and np.isfinite(result.influence).all()):
        raise ScoringError(
            f"{metric} overflows: the largest prediction is {np.abs(predicted).max():g}.", code="overflow"
        )
    return result


def _of_classes(
    metric: Metric,
    truth: npt.NDArray[np.generic],
    predicted: FloatArray,
    threshold: float | None,
    weights: Weights,
) -> Scored:
    _check_probabilities(predicted)
    _check_classes(metric, truth, predicted.shape[1], weights)
    positions = truth.astype(np.int64)
    if not metric.uses_threshold:
        return _PROBABILITY_METRICS[metric.name](positions, predicted, weights)
    decided = _decisions(metric.name, predicted, threshold)
    return _DECISION_METRICS[metric.name](positions, decided, predicted.shape[1], weights)


def _decisions(metric: str, predicted: FloatArray, threshold: float | None) -> IntArray:
    if predicted.shape[1] > 2:
        likeliest: IntArray = np.argmax(predicted, axis=1)
        return likeliest
    if threshold is None or not np.isfinite(threshold):
        raise ScoringError(
            f"{metric} of a binary task judges decisions: it needs a threshold, not {threshold}.", code="no-threshold"
        )
    return (predicted[:, 1] >= threshold).astype(np.int64)


def _mean(losses: FloatArray, weights: Weights) -> Scored:
    value = float(_weighted(losses, weights).mean())
    return Scored(value, losses - value)


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
    """AUC of one class. The placement value of a positive is the share of negatives below it, that of a negative the
    share of positives above it, ties counting half; the rarer a class, the more each of its rows weighs."""
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
    """Mean over positives of the precision at their score. A row at score s moves it as a positive with a precision of
    its own, and by standing among the rows at or above every positive with a score of at most s."""
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
        return _mean((predicted[:, 1] - truth) ** 2, weights)
    return _mean(((predicted - np.eye(predicted.shape[1])[truth]) ** 2).sum(axis=1), weights)


def _log_loss(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    epsilon = np.finfo(np.float64).eps
    return _mean(-np.log(np.clip(predicted[np.arange(len(truth)), truth], epsilon, 1 - epsilon)), weights)


def _calibration_error(truth: IntArray, predicted: FloatArray, weights: Weights) -> Scored:
    probability = predicted[:, 1]
    edges = np.percentile(probability, np.linspace(0, 100, CALIBRATION_BINS + 1))
    bins = np.searchsorted(edges[1:-1], probability)
    excess = probability - truth
    return _mean(np.sign(np.bincount(bins, weights=_weighted(excess, weights)))[bins] * excess, weights)


def _accuracy(truth: IntArray, decided: IntArray, _classes: int, weights: Weights) -> Scored:
    return _mean((truth == decided).astype(np.float64), weights)


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
    square = _mean((predicted - truth) ** 2, weights)
    root = float(np.sqrt(square.value))
    return Scored(root, square.influence / (2 * root) if root else square.influence)


def _mae(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    return _mean(np.abs(predicted - truth), weights)


def _r2(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    mean = _weighted(truth, weights).mean()
    unexplained = _ratio((predicted - truth) ** 2, (truth - mean) ** 2, weights)
    return Scored(1 - unexplained.value, -unexplained.influence)


def _mape(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    return _mean(np.abs(predicted - truth) / np.abs(truth), weights)


def _pinball(truth: FloatArray, predicted: FloatArray, weights: Weights, *, quantile: float) -> Scored:
    below = truth - predicted
    return _mean(np.maximum(quantile * below, (quantile - 1) * below), weights)


def _bias(truth: FloatArray, predicted: FloatArray, weights: Weights) -> Scored:
    error = _mean(predicted - truth, weights)
    return Scored(abs(error.value), float(np.sign(error.value)) * error.influence)


_VALUE_METRICS: Mapping[str, Callable[[FloatArray, FloatArray, Weights], Scored]] = {
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
    "bias": _bias,
    "mape": _mape,
    **{name: partial(_pinball, quantile=quantile) for name, quantile in QUANTILES.items()},
}
_PROBABILITY_METRICS: Mapping[str, Callable[[IntArray, FloatArray, Weights], Scored]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "brier": _brier,
    "log_loss": _log_loss,
    "calibration_error": _calibration_error,
}
_DECISION_METRICS: Mapping[str, Callable[[IntArray, IntArray, int, Weights], Scored]] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
}
