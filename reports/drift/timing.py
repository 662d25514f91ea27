"""Do inputs arrive a day late? Then the labels of a day follow the predictions of the day after, not its own.

A join that serves yesterday's value moves no distribution, and over few weeks too little of a metric to be sure of. But
between days it shows: what the inputs say of a day stands in the next day's predictions. So the mean label of each day
is fitted, by least squares weighted by labels, on the mean prediction of that day (`own`) and of the day after
(`following`). Where the probabilities are right and in time, own is 1 and following is 0, because tomorrow's
predictions add nothing to today's. *Late* is own < following, with following not near 0, where own - following is also
significantly below 1; the bound leaves out one day after the other (jackknife).

The idea is that of encompassing one forecast by another: Harvey, Leybourne & Newbold 1998, "Tests for forecast
encompassing" (Journal of Business & Economic Statistics 16).
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

# Below this, clean windows of the flights were called, too: 4 % of those of 21 days, none of 28 (docs/drift.md).
LEAST_DAYS = 28
LOOK_BACK_DAYS = 30
# What the day after must add, at least: two slopes that are noise around 0 say nothing of time.
LEAST_FOLLOWING = 0.25
# What a window remembers of itself; a client's mistaken dates may be thousands.
MOST_DAYS = LOOK_BACK_DAYS + 1
EPOCH = dt.date(1970, 1, 1)

FloatArray = npt.NDArray[np.float64]


def labelled_days(card: ModelCard, answers: Answers) -> tuple[LabelledDay, ...]:
    """Each day's mean prediction and mean label: of the positive class, of each of several classes, or of the value."""
    truth, known = truth_of(card, answers)
    # A label's moment is a number that a client chose: what no calendar has is left out.
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
    """The answer over the last days, a window's own before what earlier windows knew of the same day.

    None with fewer than `LEAST_DAYS` days that have a day after them, and where their predictions do not differ.
    `confidence` is that of the one-sided bound.
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
    # Two slopes and a mean are fitted.
    high = own - following + float(t.ppf(confidence, len(pairs) - 3)) * error
    is_late = own < following and following >= LEAST_FOLLOWING and high < 1
    return Timing(days=len(pairs), own=own, following=following, high=high, is_late=is_late)


def _means(values: FloatArray, places: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]) -> FloatArray:
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, places, values)
    return sums / counts[:, None]


def _differ(pairs: Sequence[tuple[LabelledDay, LabelledDay]]) -> bool:
    """Whether both slopes can be told: predictions differ from day to day, and not in step with the day after."""
    spread = np.array([[*one.predicted, *after.predicted] for one, after in pairs])
    return bool((np.ptp(spread, axis=0) > 1e-9).any()) and np.linalg.matrix_rank(_columns(pairs)[0]) == 2


def _columns(pairs: Sequence[tuple[LabelledDay, LabelledDay]]) -> tuple[FloatArray, FloatArray]:
    """Predictions of the day and of the day after [days * outputs, 2], and labels; each around its mean, weighted."""
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
