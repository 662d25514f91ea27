"""Recalibrates a binary model's probabilities, by its out-of-fold predictions.

reference.parquet has rows with labels and with predictions of models that were not fitted on them. A logistic
regression fits the labels on the predicted log-odds: offset 0 and slope 1 mean calibrated, a slope below 1 means
overconfident (Cox 1958, "Two further applications of a model for binary regression", Biometrika 45; Platt 1999 for
its use).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from reports.drift.weighted_metrics import FloatArray

LEAST_ROWS_OF_A_CLASS = 10
GROUPS = 10
_EDGE = 1e-6


class NoEstimateError(ValueError):
    """Performance without labels cannot be estimated; the text says why."""


@dataclass(frozen=True)
class Calibration:
    """The fitted line. `error`: the mean absolute error of the probabilities on `rows` of the reference."""

    offset: float
    slope: float
    rows: int
    error: float = 0.0

    def __call__(self, probability: FloatArray) -> FloatArray:
        """The recalibrated probabilities [n] of the positive class."""
        return 1 / (1 + np.exp(-self.offset - self.slope * _log_odds(probability)))


def calibrations_of(card: ModelCard, reference: pd.DataFrame) -> tuple[Calibration, tuple[Calibration, ...]]:
    """Fitted on all reference rows, and without each of GROUPS parts for an interval. Raises NoEstimateError."""
    if card.task == "regression":
        raise NoEstimateError("a regression has no probabilities")
    if card.task == "multiclass":
        raise NoEstimateError(
            "for several classes, reference.parquet has the predicted class without its probability, so nothing shows "
            "whether the probabilities are right"
        )
    if card.target not in reference:
        raise NoEstimateError(f"reference.parquet has no column {card.target}")
    predicted = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    truth = (reference[card.target] == card.positive).to_numpy()
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if fewest < LEAST_ROWS_OF_A_CLASS:
        raise NoEstimateError(
            f"the out-of-fold rows have {fewest} of one class; at least {LEAST_ROWS_OF_A_CLASS} are required to show "
            "whether the probabilities are right"
        )
    whole, group = _fit(predicted, truth), np.arange(len(predicted)) % GROUPS
    return whole, tuple(_fit(predicted[group != one], truth[group != one]) for one in range(GROUPS))


def _fit(predicted: FloatArray, truth: npt.NDArray[np.bool_]) -> Calibration:
    fitted = LogisticRegression(C=1e6).fit(_log_odds(predicted)[:, None], truth)
    found = Calibration(float(fitted.intercept_[0]), float(fitted.coef_[0, 0]), len(predicted))
    return Calibration(found.offset, found.slope, len(predicted), float(np.abs(found(predicted) - predicted).mean()))


def _log_odds(probability: FloatArray) -> FloatArray:
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    odds: FloatArray = np.log(inside / (1 - inside))
    return odds
