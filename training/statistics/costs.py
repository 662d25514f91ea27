"""The cost of a binary model's decisions, row by row: training.cost_of_a_miss and cost_of_a_false_alarm."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contracts.pipeline_toml.keys import Training
from training.statistics.metrics import FloatArray

Truths = npt.NDArray[np.bool_]


class Costs(NamedTuple):
    """The costs of one miss and of one false alarm."""

    miss: float
    false_alarm: float

    def __str__(self) -> str:
        return f"{self.miss:g}:{self.false_alarm:g}"

    def of_rows(self, truth: Truths, decided: Truths) -> FloatArray:
        """[rows]: the cost of each decision. `truth`: whether the row is positive; `decided`: is predicted positive."""
        return self.miss * (truth & ~decided) + self.false_alarm * (~truth & decided)

    def of_the_better_blind_decision(self, truth: Truths, weights: FloatArray | None = None) -> float:
        """The cost per row of the better of "always" and "never". Where one class is absent, that of half a row."""
        share = float(truth.mean() if weights is None else np.average(truth, weights=weights))
        return max(min(self.miss * share, self.false_alarm * (1 - share)), min(self) / (2 * len(truth)))


def costs_of(training: Training) -> Costs | None:
    """The costs in pipeline.toml; None where it sets none."""
    return Costs(training.cost_of_a_miss, training.cost_of_a_false_alarm) if training.has_costs else None
