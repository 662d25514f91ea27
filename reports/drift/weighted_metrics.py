"""The gate's metrics on requests, by scikit-learn, with a weight for each row. docs/metrics.md defines them.

The weights serve both kinds of performance: measured, where each row has a label; and estimated, where each row counts
as every class, weighted by its probability.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from contracts.pipeline_toml.keys import QUANTILES
from contracts.schema import Task

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Score = Callable[[npt.NDArray[np.generic], FloatArray, FloatArray], float]

_EPSILON = np.finfo(np.float64).eps


class UnscorableError(ValueError):
    """The metric is undefined on these rows; the text says why."""


def score(
    metric: str,
    task: Task,
    truth: npt.NDArray[np.generic],
    scores: FloatArray,
    weights: FloatArray,
    threshold: float | None,
) -> float:
    """The weighted metric. truth: positions of classes [n], or values [n]; scores: [n, classes] or [n, 1].

    A binary row is decided as class 1 if its score is at least `threshold`. Raises UnscorableError if a required class
    has no row.
    """
    if task == "regression":
        return _of_values(metric, truth.astype(np.float64), scores[:, 0], weights)
    positions = truth.astype(np.int64)
    present = np.bincount(positions, weights=weights, minlength=scores.shape[1]) > 0
    if metric not in ("brier", "log_loss", "accuracy") and not present.all():
        raise UnscorableError(f"{metric} needs every class, and {int((~present).sum())} of them has no label")
    if metric in ("accuracy", "precision", "recall", "f1"):
        return _of_decisions(metric, task, positions, _decided(task, scores, threshold), weights)
    return _of_probabilities(metric, positions, scores, weights)


def _of_values(metric: str, truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> float:
    if metric == "rmse":
        return float(metrics.root_mean_squared_error(truth, predicted, sample_weight=weights))
    if metric == "mae":
        return float(metrics.mean_absolute_error(truth, predicted, sample_weight=weights))
    if metric == "mape":
        if not truth.all():
            raise UnscorableError(f"mape is undefined for a label of 0, and {int((truth == 0).sum())} are")
        return float(metrics.mean_absolute_percentage_error(truth, predicted, sample_weight=weights))
    if metric in QUANTILES:
        return float(metrics.mean_pinball_loss(truth, predicted, sample_weight=weights, alpha=QUANTILES[metric]))
    return float(metrics.r2_score(truth, predicted, sample_weight=weights))


def _decided(task: Task, scores: FloatArray, threshold: float | None) -> IntArray:
    if task == "binary":
        return (scores[:, 1] >= (0.5 if threshold is None else threshold)).astype(np.int64)
    likeliest: IntArray = scores.argmax(axis=1)
    return likeliest


def _of_decisions(metric: str, task: Task, truth: IntArray, decided: IntArray, weights: FloatArray) -> float:
    if metric == "accuracy":
        return float(metrics.accuracy_score(truth, decided, sample_weight=weights))
    of: dict[str, Callable[..., float]] = {
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "f1": metrics.f1_score,
    }
    average = "binary" if task == "binary" else "macro"
    return float(of[metric](truth, decided, sample_weight=weights, average=average, zero_division=0.0))


def _of_probabilities(metric: str, truth: IntArray, scores: FloatArray, weights: FloatArray) -> float:
    classes = scores.shape[1]
    if metric in ("roc_auc", "average_precision"):
        area = metrics.roc_auc_score if metric == "roc_auc" else metrics.average_precision_score
        judged = [1] if classes == 2 else range(classes)
        return float(np.mean([area(truth == one, scores[:, one], sample_weight=weights) for one in judged]))
    if metric == "brier":
        squares = (scores - np.eye(classes)[truth]) ** 2
        losses = squares[:, 1] if classes == 2 else squares.sum(axis=1)
        return float(np.average(losses, weights=weights))
    likelihood = np.clip(scores[np.arange(len(truth)), truth], _EPSILON, 1 - _EPSILON)
    return float(np.average(-np.log(likelihood), weights=weights))
