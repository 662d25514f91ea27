"""Finds slices whose labels went wrong while overall performance held.

For each value of a column, the model's error there is compared with the error in all other rows, in the window and in
the reference (out of fold). A season moves all rows, so it has no effect. Two figures are compared: the error, label
minus prediction, and its square, which also finds flipped labels; for several classes, whether the class was wrong. The
window's standard error is clustered by day. All slices and figures together have a tenth of the false-alarm rate
(Bonferroni), and a difference below gate.slice_margin does not count.

Source: Liang & Zeger 1986, "Longitudinal data analysis using generalized linear models" (Biometrika 73) for the sums.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t

from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.verdict import SliceComparison
from reports.drift.log_reader import RequestWindow
from reports.drift.performance import truth_of

LEAST_LABELS = 50
LEAST_DAYS = 5
OWN_TEST_SHARE = 0.1
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def slices_of(
    config: Config, card: ModelCard, reference: pd.DataFrame, window: RequestWindow
) -> tuple[SliceComparison, ...]:
    """Every slice with enough labels on both sides, the one that moved furthest first. Empty without labels."""
    truth, known = truth_of(card, window.answers)
    names = [name for name in config.gate.slices or _categories(card) if name in window.rows and name in reference]
    if known.sum() < config.drift.min_labels or card.target not in reference:
        return ()
    before = _of_reference(card, reference)
    now = _of_window(card, truth[known], window.answers.scores[known])
    scale = before.std(axis=0)[:1] if card.task == "regression" else np.ones(1)
    before, now = (np.stack([one[:, 0] / scale, one[:, 0] ** 2 / scale**2], axis=1) for one in (before, now))
    rows, days = window.rows[known], window.answers.days[known]
    clusters = days if len(np.unique(days)) >= LEAST_DAYS else np.arange(len(days))
    found = [
        (name, value, count, figure, *_difference(before[:, figure], was, now[:, figure], now_in, clusters))
        for name in names
        for value, was, now_in, count in _values(reference[name], rows[name])
        for figure in range(1 if card.task == "multiclass" else 2)
    ]
    freedom = len(np.unique(clusters)) - 1
    reach = float(t.ppf(1 - OWN_TEST_SHARE * config.drift.false_alarm_rate / (2 * max(1, len(found))), freedom))
    compared = [
        SliceComparison(
            column=name, value=value, labels=count, figure="squared error" if figure else "error",
            difference=difference, reach=reach * error,
            moved=abs(difference) > max(reach * error, config.gate.slice_margin),
        )
        for name, value, count, figure, difference, error in found
    ]  # fmt: skip
    return tuple(sorted(compared, key=lambda one: (not one.moved, -abs(one.difference) / max(one.reach, 1e-12))))


def _categories(card: ModelCard) -> list[str]:
    return [one.name for one in card.features if one.kind == "categorical"]


def _of_reference(card: ModelCard, reference: pd.DataFrame) -> FloatArray:
    """[rows, 1]: the errors of the out-of-fold predictions."""
    said, actual = reference[PREDICTION_COLUMN].to_numpy(), reference[card.target].to_numpy()
    if card.task == "multiclass":
        off = said.astype(str) != actual.astype(str)
    else:
        off = (actual.astype(str) == card.positive if card.task == "binary" else actual) - said.astype(np.float64)
    return np.asarray(off, dtype=np.float64)[:, None]


def _of_window(card: ModelCard, truth: "npt.NDArray[np.generic]", scores: FloatArray) -> FloatArray:
    """[rows, 1]: the errors in the labelled rows."""
    if card.task == "multiclass":
        off = scores.argmax(axis=1) != truth.astype(np.int64)
    else:
        off = truth.astype(np.float64) - scores[:, -1]
    return np.asarray(off, dtype=np.float64)[:, None]


def _values(
    before: pd.Series, now: pd.Series
) -> Iterator[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]]:
    """Each value with enough rows on both sides and rows outside of it; which rows have it, and the window's count."""
    for value, count in now.value_counts().items():
        was, here = (one.to_numpy() == value for one in (before, now))
        if min(was.sum(), count) >= LEAST_LABELS and not was.all() and not here.all():
            yield str(value), was, here, int(count)


def _difference(
    before: FloatArray, was: npt.NDArray[np.bool_], now: FloatArray, here: npt.NDArray[np.bool_], clusters: IntArray
) -> tuple[float, float]:
    """The slice's error relative to all other rows, window minus reference; and its standard error."""
    then, of_then = _against_the_rest(before, was, np.arange(len(before)))
    today, of_today = _against_the_rest(now, here, clusters)
    return today - then, float(np.hypot(of_then, of_today))


def _against_the_rest(figures: FloatArray, inside: npt.NDArray[np.bool_], clusters: IntArray) -> tuple[float, float]:
    means = figures[inside].mean(), figures[~inside].mean()
    influence = np.where(inside, (figures - means[0]) / inside.sum(), -(figures - means[1]) / (~inside).sum())
    _, places = np.unique(clusters, return_inverse=True)
    sums = np.bincount(places, weights=influence)
    return float(means[0] - means[1]), float(np.sqrt((sums**2).sum() * len(sums) / max(1, len(sums) - 1)))
