"""Computes the metric with clipped losses, so that a few labels cannot decide it.

A single large loss can dominate a mean of unbounded losses: one label of 1e4 makes the interval of rmse so wide that no
loss of the other rows is significant. So the metric is also computed with each row's loss clipped at the `QUANTILE` of
the reference's out-of-fold losses, and compared with the reference, clipped alike. The metric itself is judged, too.

Only metrics that are means of such losses have this figure: rmse, mae, mape, pinball losses, log loss of two classes,
and R², here one minus the mean squared error over the variance of the reference's labels.

Sources: Tukey & McLaughlin 1963, "Less vulnerable confidence and significance procedures for location on the basis of a
single sample: trimming/Winsorization 1" (Sankhyā A 25), for clipping at a quantile; Lugosi & Mendelson 2019, "Mean
estimation and regression under heavy-tailed distributions: a survey" (Foundations of Computational Mathematics 19), for
what a fixed bound guarantees.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.pipeline_toml.keys import QUANTILES
from reports.drift.log_reader import Answers
from reports.drift.weighted_metrics import FloatArray

QUANTILE = 0.99
# Fewer rows have no such quantile.
LEAST_ROWS = 200
_EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Clip:
    """The largest loss that counts, and the reference's metric with losses clipped at it.

    `error`: its standard error; `variance`: of the reference's labels.
    """

    metric: str
    largest: float
    value: float
    error: float
    variance: float

    def figure(self, losses: FloatArray) -> float:
        """The metric of rows with these losses. losses: [rows]; may be infinite."""
        return _figure(self.metric, float(np.minimum(losses, self.largest).mean()), self.variance)


def clip_of(metric: str, card: ModelCard, reference: pd.DataFrame) -> Clip | None:
    """The clip, from reference.parquet. None if the metric is no mean of losses, or the reference has too few rows."""
    if card.target not in reference or len(reference) < LEAST_ROWS:
        return None
    actual, said = reference[card.target].to_numpy(), reference[PREDICTION_COLUMN].to_numpy()
    if card.task == "binary":
        truth, scores = (actual.astype(str) == card.positive).astype(np.int64), said.astype(np.float64)
        losses = losses_of(metric, card, truth, np.stack([1 - scores, scores], axis=1))
    elif card.task == "regression":
        truth = actual.astype(np.float64)
        losses = losses_of(metric, card, truth, said.astype(np.float64)[:, None])
    else:
        return None
    if losses is None or not np.isfinite(losses).all():
        return None
    largest, variance = float(np.quantile(losses, QUANTILE)), float(np.var(truth))
    if largest <= 0 or variance <= 0:
        return None
    clipped = np.minimum(losses, largest)
    value = _figure(metric, float(clipped.mean()), variance)
    # The standard error by the delta method.
    step = _figure(metric, float(clipped.mean()) * (1 + 1e-6), variance) - value
    of_mean = float(clipped.std() / np.sqrt(len(clipped)))
    return Clip(metric, largest, value, abs(step / (1e-6 * float(clipped.mean()))) * of_mean, variance)


def losses_of(metric: str, card: ModelCard, truth: npt.NDArray[np.generic], scores: FloatArray) -> FloatArray | None:
    """Each row's loss [rows]; None if the metric is no mean of losses.

    truth: positions of classes as in `Answers.scores`, or values, [rows]; scores: [rows, classes] or [rows, 1].
    """
    if card.task != "regression":
        if metric != "log_loss" or card.task != "binary":
            return None
        likelihood = scores[np.arange(len(truth)), truth.astype(np.int64)]
        return np.asarray(-np.log(np.clip(likelihood, _EPSILON, 1 - _EPSILON)))
    off = truth.astype(np.float64) - scores[:, 0]
    if metric in ("rmse", "r2"):
        return np.asarray(off**2)
    if metric == "mae":
        return np.abs(off)
    if metric == "mape":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(np.abs(off) / np.abs(truth.astype(np.float64)), nan=0.0, posinf=np.inf)
    if metric in QUANTILES:
        return np.maximum(QUANTILES[metric] * off, (QUANTILES[metric] - 1) * off)
    return None


def within_the_reference(card: ModelCard, answers: Answers, reference: pd.DataFrame) -> Answers:
    """The answers with a regression's labels moved to within the reference's largest error of their predictions.

    For means of days and slices, which a single label could dominate.
    """
    if card.task != "regression" or card.target not in reference or not len(reference) or not len(answers.actual):
        return answers
    furthest = np.abs(
        reference[card.target].to_numpy(np.float64) - reference[PREDICTION_COLUMN].to_numpy(np.float64)
    ).max()
    actual = answers.actual.copy()
    for place in np.flatnonzero([one is not None for one in actual]):
        said, label = answers.scores[place, 0], _number(actual[place])
        if np.isfinite(said) and np.isfinite(label) and abs(label - said) > furthest:
            actual[place] = repr(float(said + np.sign(label - said) * furthest))
    return replace(answers, actual=actual)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _figure(metric: str, mean: float, variance: float) -> float:
    if metric == "rmse":
        return float(np.sqrt(mean))
    return 1 - mean / variance if metric == "r2" else mean
