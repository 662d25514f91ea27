"""Confidence intervals of a metric, and of the difference of two models on the same rows.

One method serves every metric. `scores.scored` gives influence values per row. For a difference they are the
challenger's minus the champion's: whatever moves both models alike cancels out. They are summed within each cluster (a
day, a customer), because rows of one cluster depend on each other, in whatever way. Then

    standard error² = (G - 1) / G · Σ over clusters (sum of influence values / rows outside the cluster)²
    low, high       = value ∓ t(confidence, G - 1 degrees of freedom) · standard error

with G clusters. This is the leave-one-cluster-out jackknife of the linearised metric. With clusters of equal size it is
the usual CR1 estimator, G / (G - 1) · Σ (sum / rows)². With unequal ones it also counts how far a large cluster pulls
the value towards itself. Without clusters each row is a cluster: for AUC that is DeLong's variance up to factors of
(m - 1) / m for the m rows of a class and n / (n - 1) for all n; with clusters it is Obuchowski's. Weighted rows count
by their weights; rows and clusters of weight 0 are left out.

Sources: DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44); Obuchowski 1997, "Nonparametric analysis of clustered
ROC curve data" (Biometrics 53); Cameron & Miller 2015, "A practitioner's guide to cluster-robust inference" (Journal of
Human Resources 50); MacKinnon, Nielsen & Webb 2023, "Cluster-robust inference: a guide to empirical practice" (Journal
of Econometrics 232) for the jackknife; Bloom 1995, "Minimum detectable effects" (Evaluation Review 19).

**Confidence is one-sided, per end**: at 0.95 the true value is below `low` in 5 % of cases and above `high` in 5 %, so
both ends together are a two-sided 90 % interval. A rule that uses one end has an error rate of 5 %.

Limits: a model at a bound (AUC or accuracy of exactly 1) has no spread to measure, so its interval has no width. With
few clusters, or one that holds a tenth of the rows or more, coverage is a few points lower: read 90 % as 85. The bounds
of a calibration error near 0 are too wide, because it cannot be negative.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from training.statistics.influence_values import Scored
from training.statistics.metrics import METRICS, FloatArray, IntArray, ScoringError
from training.statistics.scores import scored, scored_mean


@dataclass(frozen=True)
class Estimate:
    """A value with its one-sided bounds, in the metric's unit. `method`: a phrase for the report."""

    value: float
    low: float
    high: float
    clusters: int
    degrees_of_freedom: int
    method: str
    standard_error: float


def interval(
    metric: str,
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    clusters: npt.ArrayLike | None,
    *,
    confidence: float,
    threshold: float | None,
    weights: npt.ArrayLike | None = None,
) -> Estimate:
    """One model's metric. Its bounds are cut at those of the metric (an AUC never exceeds 1).

    truth [n], predicted [n, classes] or [n], threshold, weights: as for `scores.scored`. clusters: integers [n] that
    say which rows belong together, in any order, or None for independent rows. confidence: one-sided, per end, over
    0.5.
    Raises ScoringError as `scores.scored` does, and for fewer than two clusters.
    """
    model = scored(metric, truth, predicted, threshold=threshold, weights=weights)
    estimate = _estimate(metric, model, clusters, confidence, weights)
    bounds = METRICS[metric]
    return replace(estimate, low=max(estimate.low, bounds.lowest), high=min(estimate.high, bounds.highest))


def paired_difference(
    metric: str,
    truth: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike,
    clusters: npt.ArrayLike | None,
    *,
    confidence: float,
    threshold: float | tuple[float, float] | None,
    weights: npt.ArrayLike | None = None,
) -> Estimate:
    """Challenger minus champion on the same rows. For a loss, a negative difference is better.

    threshold: one for both models, or the challenger's and the champion's own. Everything else as for `interval`.
    For models that agree on every row the difference is 0, and its interval has no width.
    """
    if np.shape(challenger) != np.shape(champion):
        seen = f"the challenger predicts {np.shape(challenger)} and the champion {np.shape(champion)}"
        raise ScoringError(f"{seen}: they must score the same rows and classes.", code="other-shape")
    own = threshold if isinstance(threshold, tuple) else (threshold, threshold)
    new = _scored_as("challenger", metric, truth, challenger, own[0], weights)
    old = _scored_as("champion", metric, truth, champion, own[1], weights)
    difference = Scored(new.value - old.value, new.influence - old.influence)
    return _estimate(metric, difference, clusters, confidence, weights)


def of_mean(
    values: FloatArray, clusters: npt.ArrayLike | None, *, confidence: float, weights: npt.ArrayLike | None = None
) -> Estimate:
    """The mean of a value per row, such as the cost of a decision. Arguments and errors as for `interval`."""
    mean = scored_mean(values, weights)
    return _estimate("mean", mean, clusters, confidence, weights)


def log_odds(is_positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The log-odds of positives among rows, and their standard error, with half a row added to both sides.

    Haldane 1956, "The estimation and significance of the logarithm of a ratio of frequencies", Annals of Human
    Genetics 20.
    """
    yes, no = is_positive.sum() + 0.5, (~is_positive).sum() + 0.5
    return float(np.log(yes / no)), float(np.sqrt(1 / yes + 1 / no))


def smallest_detectable(standard_error: float, degrees_of_freedom: int, *, alpha: float, power: float = 0.8) -> float:
    """The smallest true difference that a one-sided test at level alpha finds with this power (Bloom 1995).

    In the unit of the standard error. An `Estimate` has both arguments.
    """
    if not (np.isfinite(standard_error) and standard_error >= 0):
        raise ScoringError(f"the standard error is {standard_error}; required 0 or more.", code="standard-error")
    if not (0 < alpha < 0.5 <= power < 1):
        raise ScoringError(f"alpha is {alpha} and power {power}; required 0 to 0.5, and 0.5 to 1.", code="bad-alpha")
    return standard_error * (_t(1 - alpha, degrees_of_freedom) + _t(power, degrees_of_freedom))


def _scored_as(
    role: str,
    metric: str,
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    threshold: float | None,
    weights: npt.ArrayLike | None,
) -> Scored:
    try:
        return scored(metric, truth, predicted, threshold=threshold, weights=weights)
    except ScoringError as error:
        raise ScoringError(f"{role}: {error}", code=error.code) from None


def _estimate(
    metric: str,
    result: Scored,
    clusters: npt.ArrayLike | None,
    confidence: float,
    weights: npt.ArrayLike | None,
) -> Estimate:
    if not 0.5 < confidence < 1:
        raise ScoringError(
            f"confidence is {confidence}; required one-sided, over 0.5 and under 1.", code="bad-confidence"
        )
    sums, sizes = _cluster_sums(result.influence, clusters, None if weights is None else np.asarray(weights))
    standard_error = _jackknife_error(sums, sizes)
    freedom = len(sums) - 1
    reach = _t(confidence, freedom) * standard_error
    return Estimate(
        value=result.value,
        low=result.value - reach,
        high=result.value + reach,
        clusters=len(sums),
        degrees_of_freedom=freedom,
        method=_method(metric, clusters is not None),
        standard_error=standard_error,
    )


def _cluster_sums(
    influence: FloatArray, clusters: npt.ArrayLike | None, weights: FloatArray | None
) -> tuple[FloatArray, FloatArray | IntArray]:
    """The influence of each cluster, and its size: its rows, or the sum of their weights, whose mean is 1."""
    if weights is not None:
        return _weighted_sums(influence, clusters, weights / weights.mean())
    if clusters is None:
        _check_count(len(influence), "row")
        return influence, np.ones(len(influence), dtype=np.int64)
    index, sizes = _numbered(influence, clusters)
    sums: FloatArray = np.bincount(index, weights=influence).astype(np.float64)
    return sums, sizes.astype(np.int64)


def _weighted_sums(
    influence: FloatArray, clusters: npt.ArrayLike | None, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    index = np.arange(len(influence)) if clusters is None else _numbered(influence, clusters)[0]
    sums, sizes = (np.bincount(index, weights=one).astype(np.float64) for one in (influence, weights))
    _check_count(int((sizes > 0).sum()), "row" if clusters is None else "cluster")
    return sums[sizes > 0], sizes[sizes > 0]


def _numbered(influence: FloatArray, clusters: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """The number of each row's cluster, and the rows of each."""
    labels = np.asarray(clusters)
    if labels.shape != influence.shape:
        raise ScoringError(
            f"clusters have shape {labels.shape} for {len(influence)} rows; required one for each row.",
            code="other-rows",
        )
    if labels.dtype.kind not in "iu":
        raise ScoringError(
            f"clusters are of type {labels.dtype}; required integers, such as the number of the day.",
            code="cluster-kind",
        )
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    _check_count(len(sizes), "cluster")
    return index, sizes


def _check_count(seen: int, unit: str) -> None:
    if seen < 2:
        raise ScoringError(
            f"there is {seen} {unit}; an interval needs the spread between at least two.", code="few-clusters"
        )


def _jackknife_error(sums: FloatArray, sizes: FloatArray | IntArray) -> float:
    count = len(sums)
    with np.errstate(over="ignore"):
        variance = (count - 1) / count * float(np.sum((sums / (sizes.sum() - sizes)) ** 2))
    if not np.isfinite(variance):
        raise ScoringError(f"the variance overflows: influence sums reach {np.abs(sums).max():g}.", code="overflow")
    return float(np.sqrt(variance))


def _t(probability: float, degrees_of_freedom: int) -> float:
    return float(stdtrit(degrees_of_freedom, probability))


def _method(metric: str, is_clustered: bool) -> str:
    values = "DeLong's placement values" if metric == "roc_auc" else "influence values"
    return f"{values}, {'summed by cluster' if is_clustered else 'rows independent'}, jackknife t"
