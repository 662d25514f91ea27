"""The decision threshold of a binary model: the probability from which on it predicts "yes", by the costs of errors."""

from typing import Any

import numpy as np
import numpy.typing as npt


def cheapest_threshold(
    is_positive: npt.NDArray[np.bool_],
    probability: npt.NDArray[np.floating[Any]],
    cost_of_a_miss: float,
    cost_of_a_false_alarm: float,
    weights: npt.NDArray[np.float64] | None = None,
) -> float:
    """The threshold with the least cost_of_a_miss × misses + cost_of_a_false_alarm × false alarms.

    is_positive, probability: [rows] that the model was not fitted on; weights: how much each counts. Decisions are
    `probability >= threshold`. Of thresholds with equal cost it is the one nearest to `threshold_of_costs`. It is
    midway between two scores that differ as float32, and a float32 itself: rounding moves no row across it, and JSON
    has it exactly.
    """
    edges = np.array([0, 1], dtype=np.float32)  # so that "always" and "never" are among the decisions
    levels, level = np.unique(np.concatenate([edges, probability.astype(np.float32)]), return_inverse=True)
    own = is_positive if weights is None else is_positive * weights
    rows = np.bincount(level[len(edges) :], weights=weights, minlength=len(levels))
    positives = np.bincount(level[len(edges) :], weights=own, minlength=len(levels))
    # A threshold between level i and the next misses the positives up to i; negatives above it are false alarms.
    misses = np.cumsum(positives)[:-1]
    false_alarms = np.cumsum((rows - positives)[::-1])[::-1][1:]
    costs = cost_of_a_miss * misses + cost_of_a_false_alarm * false_alarms
    thresholds = _between(levels[:-1], levels[1:])
    cheapest = np.flatnonzero(np.isclose(costs, costs.min(), rtol=1e-12, atol=0))
    distance = np.abs(thresholds[cheapest] - threshold_of_costs(cost_of_a_miss, cost_of_a_false_alarm))
    return float(thresholds[cheapest[distance.argmin()]])


def threshold_of_costs(cost_of_a_miss: float, cost_of_a_false_alarm: float) -> float:
    """The cheapest threshold for calibrated probabilities: false alarm / (false alarm + miss).

    Elkan 2001, "The foundations of cost-sensitive learning", IJCAI.
    """
    return cost_of_a_false_alarm / (cost_of_a_false_alarm + cost_of_a_miss)


def _between(lower: npt.NDArray[np.float32], upper: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Midpoints as float32. Between adjacent float32 there is none: the upper one separates them, as it is a "yes"."""
    middle = (lower + upper) / np.float32(2)
    return np.where(middle > lower, middle, upper).astype(np.float32)
