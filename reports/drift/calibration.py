"""Whether a binary model's probabilities were right out of fold, and what they should have been.

reference.parquet has rows with their truth, and what a model said of them that was not fitted on them. Log-odds of the
truth are fitted on those that were said, offset + slope × log-odds: 0 and 1 is right, a slope below 1 too sure (Cox
1958, "Two further applications of a model for binary regression", Biometrika 45; Platt 1999 for its use).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from reports.drift.scores import FloatArray

LEAST_ROWS_OF_A_CLASS = 10
GROUPS = 10
_EDGE = 1e-6


class NoEstimateError(ValueError):
    """Nothing can be said of performance without labels: the text says why."""


@dataclass(frozen=True)
class Calibration:
    """The fitted line. `off`: by how much the probabilities were wrong, averaged over `rows` of the reference."""

    offset: float
    slope: float
    rows: int
    off: float = 0.0

    def __call__(self, probability: FloatArray) -> FloatArray:
        """What the probabilities [n] of the positive class should have been."""
        return 1 / (1 + np.exp(-self.offset - self.slope * _log_odds(probability)))


def calibrations_of(card: ModelCard, reference: pd.DataFrame) -> tuple[Calibration, tuple[Calibration, ...]]:
    """That of all reference rows, and those without each of GROUPS parts, for an interval. Raises NoEstimateError."""
    if card.task == "regression":
        raise NoEstimateError("a regression does not say how sure it is")
    if card.task == "multiclass":
        raise NoEstimateError(
            "of several classes reference.parquet has the one that was predicted out of fold, and not how sure the "
            "model was of it, so nothing shows whether its probabilities are right"
        )
    if card.target not in reference:
        raise NoEstimateError(f"reference.parquet has no column {card.target}")
    said = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    truth = (reference[card.target] == card.positive).to_numpy()
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if fewest < LEAST_ROWS_OF_A_CLASS:
        raise NoEstimateError(
            f"the rows that were judged out of fold have {fewest} of one class, at least {LEAST_ROWS_OF_A_CLASS} show "
            "whether probabilities are right"
        )
    whole, group = _fit(said, truth), np.arange(len(said)) % GROUPS
    return whole, tuple(_fit(said[group != one], truth[group != one]) for one in range(GROUPS))


def _fit(said: FloatArray, truth: npt.NDArray[np.bool_]) -> Calibration:
    fitted = LogisticRegression(C=1e6).fit(_log_odds(said)[:, None], truth)
    found = Calibration(float(fitted.intercept_[0]), float(fitted.coef_[0, 0]), len(said))
    return Calibration(found.offset, found.slope, len(said), float(np.abs(found(said) - said).mean()))


def _log_odds(probability: FloatArray) -> FloatArray:
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    odds: FloatArray = np.log(inside / (1 - inside))
    return odds
