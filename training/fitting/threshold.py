"""The decision threshold of a binary model: from where on the answer is "yes", given what each kind of error costs."""

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
    """The probability from which on "yes" makes cost_of_a_miss × misses + cost_of_a_false_alarm × false alarms least.

    is_positive, probability: [rows] that the model was not fitted on; weights: how much each counts. Decisions are
    `probability >= threshold`. Among thresholds of equal cost it is the one nearest to `threshold_of_costs`. It lies
    midway between two scores that differ as float32, and is a float32 itself: so rounding moves no row across it, and
    JSON holds it exactly.
    """
    edges = np.array([0, 1], dtype=np.float32)  # "always" and "never" are decisions too
    levels, level = np.unique(np.concatenate([edges, probability.astype(np.float32)]), return_inverse=True)
    own = is_positive if weights is None else is_positive * weights
    rows = np.bincount(level[len(edges) :], weights=weights, minlength=len(levels))
    positives = np.bincount(level[len(edges) :], weights=own, minlength=len(levels))
    # With the threshold between level i and the next one, positives up to i are missed and negatives above it alarm.
    misses = np.cumsum(positives)[:-1]
    false_alarms = np.cumsum((rows - positives)[::-1])[::-1][1:]
    costs = cost_of_a_miss * misses + cost_of_a_false_alarm * false_alarms
    thresholds = _between(levels[:-1], levels[1:])
    cheapest = np.flatnonzero(np.isclose(costs, costs.min(), rtol=1e-12, atol=0))
    distance = np.abs(thresholds[cheapest] - threshold_of_costs(cost_of_a_miss, cost_of_a_false_alarm))
    return float(thresholds[cheapest[distance.argmin()]])


def threshold_of_costs(cost_of_a_miss: float, cost_of_a_false_alarm: float) -> float:
    """The cheapest threshold where probabilities are right: false alarm / (false alarm + miss).

    Elkan 2001, "The foundations of cost-sensitive learning", IJCAI.
    """
    return cost_of_a_false_alarm / (cost_of_a_false_alarm + cost_of_a_miss)


def _between(lower: npt.NDArray[np.float32], upper: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Midpoints as float32. Two neighbours have none: there the upper one parts them, for it is a "yes" itself."""
    middle = (lower + upper) / np.float32(2)
    return np.where(middle > lower, middle, upper).astype(np.float32)
