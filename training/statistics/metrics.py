"""Every metric of the gate: its title, its tasks, its bounds, and whether more is better.

`influence_values.py` computes each of them, `scores.py` checks rows and scores them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from contracts.pipeline_toml.keys import QUANTILES
from contracts.schema import Task

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ScoringError(ValueError):
    """These rows cannot be scored: says what was seen and what is required. Raised in place of NaN."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Metric:
    """A metric's title, its tasks, its direction, and its bounds `lowest` and `highest`.

    `needs_every_class`: it is undefined where a class has no rows. `uses_threshold`: in a binary task it measures
    decisions, p(class 1) ≥ threshold, and not probabilities.
    """

    name: str
    title: str
    tasks: frozenset[Task]
    higher_is_better: bool
    lowest: float
    highest: float
    needs_every_class: bool = False
    uses_threshold: bool = False


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
