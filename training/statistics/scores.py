"""Scores a model's predictions: checks the arrays, then computes a metric's value and influence values.

`score` gives the value, equal to scikit-learn's. `scored` adds the influence values (`influence_values.py`).
Pure functions of arrays: they read and write nothing.
"""

import numpy as np
import numpy.typing as npt

from contracts.schema import Task
from training.statistics.influence_values import (
    DECISION_METRICS,
    PROBABILITY_METRICS,
    VALUE_METRICS,
    Scored,
    Weights,
    mean_of,
)
from training.statistics.metrics import METRICS, FloatArray, IntArray, Metric, ScoringError

SUM_TOLERANCE = 1e-4  # float32 probabilities of many classes sum to 1 within 1e-5


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
    predicted: probabilities [n, classes], or values [n] for regression. Its shape gives the task: two columns are
    binary, and class 1 is the positive one.
    threshold: binary accuracy, precision, recall and F1 predict class 1 where its probability is at least this. Other
    metrics ignore it. With several classes the likeliest is predicted, and the first of equals.
    weights: how much each row counts [n], 0 or more, in any unit; None: all the same.

    Multiclass ROC AUC and average precision (one class against the rest) and F1 are unweighted averages over classes;
    multiclass Brier is the sum over classes, 0 to 2. Precision is 0 where nothing is predicted positive. Calibration
    error is the mean, over ten equally filled bins, of |mean probability - share of positives|. Bias is the absolute
    mean error, so less is better. MAPE is the mean of |error| / |truth|, as a share; a truth of 0 is refused. A pinball
    loss weighs an error below the truth by its quantile, one above it by 1 - quantile (Koenker & Bassett 1978,
    "Regression quantiles", Econometrica 46).

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
    result = mean_of(values, counted)
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


def _of_values(metric: str, truth: npt.NDArray[np.generic], predicted: FloatArray, weights: Weights) -> Scored:
    _check_values(metric, truth, predicted, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        result = VALUE_METRICS[metric](truth.astype(np.float64), predicted, weights)
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
        return PROBABILITY_METRICS[metric.name](positions, predicted, weights)
    decided = _decisions(metric.name, predicted, threshold)
    return DECISION_METRICS[metric.name](positions, decided, predicted.shape[1], weights)


def _decisions(metric: str, predicted: FloatArray, threshold: float | None) -> IntArray:
    if predicted.shape[1] > 2:
        likeliest: IntArray = np.argmax(predicted, axis=1)
        return likeliest
    if threshold is None or not np.isfinite(threshold):
        raise ScoringError(
            f"{metric} of a binary task judges decisions: it needs a threshold, not {threshold}.", code="no-threshold"
        )
    return (predicted[:, 1] >= threshold).astype(np.int64)


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
            f"mape is undefined: truth is 0 on {len(rows)} of {len(truth)} rows, first on row {rows[0]}. Use mae.",
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


def _counting(weights: Weights) -> npt.NDArray[np.bool_] | slice:
    """The rows that count at all."""
    return slice(None) if weights is None else weights > 0
