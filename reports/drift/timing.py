"""Finds inputs that arrive a day late: then a day's labels follow the next day's predictions, not its own.

A join that serves yesterday's values moves no distribution, and within a few weeks it changes a metric too little to be
significant. But the next day's predictions then contain what is true of a day. So each day's mean label is fitted, by
least squares weighted by labels, on the mean prediction of that day (coefficient `own`) and of the next day
(`following`). With calibrated predictions and inputs in time, own is 1 and following is 0, because tomorrow's
predictions add nothing to today's. Inputs are *late* if own < following, following is not near 0, and own - following
is significantly below 1, by a jackknife over days.

This is a forecast encompassing test: Harvey, Leybourne & Newbold 1998, "Tests for forecast encompassing" (Journal of
Business & Economic Statistics 16).
"""

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from contracts.model_folder import ModelCard
from contracts.verdict import LabelledDay, Timing
from reports.drift.log_reader import Answers
from reports.drift.performance import jackknife_error, truth_of

# Fewer days give false alarms: on the flights in 4 % of clean windows of 21 days, in none of 28 (docs/drift.md).
LEAST_DAYS = 28
LOOK_BACK_DAYS = 30
# The least coefficient of the next day: two coefficients that are noise around 0 do not mean late.
LEAST_FOLLOWING = 0.25
# The most days that a window records; a client's wrong dates may be thousands.
MOST_DAYS = LOOK_BACK_DAYS + 1
EPOCH = dt.date(1970, 1, 1)

FloatArray = npt.NDArray[np.float64]


def labelled_days(card: ModelCard, answers: Answers) -> tuple[LabelledDay, ...]:
    """Each day's mean prediction and mean label: of the positive class, of each of several classes, or of the value."""
    truth, known = truth_of(card, answers)
    # Clients choose a label's time: what is no date is ignored.
    known &= (answers.days > (dt.date.min - EPOCH).days) & (answers.days < (dt.date.max - EPOCH).days)
    scores, days = answers.scores[known], answers.days[known]
    if card.task == "regression":
        seen: FloatArray = truth[known].astype(np.float64)[:, None]
    else:
        seen = (truth[known][:, None] == np.arange(scores.shape[1])).astype(np.float64)
    if card.task == "binary":
        scores, seen = scores[:, -1:], seen[:, -1:]
    distinct, places, counts = np.unique(days, return_inverse=True, return_counts=True)
    predicted, actual = (_means(values, places, counts) for values in (scores, seen))
    return tuple(
        LabelledDay(
            day=EPOCH + dt.timedelta(days=int(day)),
            labels=int(counts[place]),
            predicted=tuple(predicted[place].tolist()),
            actual=tuple(actual[place].tolist()),
        )
        for place, day in enumerate(distinct)
    )


def timing_of(days: Iterable[LabelledDay], earlier: Iterable[LabelledDay], confidence: float) -> Timing | None:
    """The timing over the last days. For a day in `days` and `earlier`, `days` counts.

    None with fewer than `LEAST_DAYS` days that have a next day, or if predictions do not differ between days.
    `confidence`: of the one-sided bound.
    """
    by_day = {one.day: one for one in (*earlier, *days)}
    if not by_day:
        return None
    since = max(by_day) - dt.timedelta(days=LOOK_BACK_DAYS)
    pairs = [
        (one, after)
        for day, one in sorted(by_day.items())
        if day >= since and (after := by_day.get(day + dt.timedelta(days=1)))
    ]
    if len(pairs) < LEAST_DAYS or not _differ(pairs):
        return None
    own, following = _fit(pairs)
    without = [np.subtract(*_fit(pairs[:place] + pairs[place + 1 :])) for place in range(len(pairs))]
    error = jackknife_error(without)
    # Two coefficients and a mean are fitted.
    high = own - following + float(t.ppf(confidence, len(pairs) - 3)) * error
    is_late = own < following and following >= LEAST_FOLLOWING and high < 1
    return Timing(days=len(pairs), own=own, following=following, high=high, is_late=is_late)


def _means(values: FloatArray, places: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]) -> FloatArray:
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, places, values)
    return sums / counts[:, None]


def _differ(pairs: Sequence[tuple[LabelledDay, LabelledDay]]) -> bool:
    """Whether both coefficients can be fitted: predictions differ between days, and are not collinear."""
    spread = np.array([[*one.predicted, *after.predicted] for one, after in pairs])
    return bool((np.ptp(spread, axis=0) > 1e-9).any()) and np.linalg.matrix_rank(_columns(pairs)[0]) == 2


def _columns(pairs: Sequence[tuple[LabelledDay, LabelledDay]]) -> tuple[FloatArray, FloatArray]:
    """Predictions of the day and of the next day [days * outputs, 2], and labels; centred and weighted."""
    weights = np.array([one.labels for one, _ in pairs], dtype=np.float64)
    parts = [
        np.array([one.predicted for one, _ in pairs]),
        np.array([after.predicted for _, after in pairs]),
        np.array([one.actual for one, _ in pairs]),
    ]
    own, following, labels = (
        ((part - np.average(part, axis=0, weights=weights)) * np.sqrt(weights)[:, None]).ravel() for part in parts
    )
    return np.stack([own, following], axis=1), labels


def _fit(pairs: Sequence[tuple[LabelledDay, LabelledDay]]) -> tuple[float, float]:
    predictions, labels = _columns(pairs)
    own, following = np.linalg.lstsq(predictions, labels, rcond=None)[0]
    return float(own), float(following)
