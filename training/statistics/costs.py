"""What a binary model's decisions cost: training.cost_of_a_miss and cost_of_a_false_alarm, row by row."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contracts.pipeline_toml.keys import Training
from training.statistics.metrics import FloatArray

Truths = npt.NDArray[np.bool_]


class Costs(NamedTuple):
    """Of one miss and of one false alarm."""

    miss: float
    false_alarm: float

    def __str__(self) -> str:
        return f"{self.miss:g}:{self.false_alarm:g}"

    def of_rows(self, truth: Truths, decided: Truths) -> FloatArray:
        """[rows]: what each row's decision costs. `truth`, `decided`: [rows], whether it is and is called positive."""
        return self.miss * (truth & ~decided) + self.false_alarm * (~truth & decided)

    def of_the_better_blind_decision(self, truth: Truths, weights: FloatArray | None = None) -> float:
        """What the better of "always" and "never" costs a row. At least half a row's, where one class is absent."""
        share = float(truth.mean() if weights is None else np.average(truth, weights=weights))
        return max(min(self.miss * share, self.false_alarm * (1 - share)), min(self) / (2 * len(truth)))


def costs_of(training: Training) -> Costs | None:
    """What pipeline.toml says that errors cost; None where it does not say."""
    return Costs(training.cost_of_a_miss, training.cost_of_a_false_alarm) if training.has_costs else None
