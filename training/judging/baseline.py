"""The baseline: what the best answer gets that reads no feature. A model that is not surely better has learned nothing.

Where there is no time it is the train rows' class shares or mean, the same for every holdout row. A table in time has
seasons, and knows more without reading a feature: the value of train's last day, of the same weekday or hour of the
week in its last four weeks, or of the same day a year before. Which of these is taken is decided on train alone: each
answers the last days of train, as many as the holdout has, from the days before, and the least squared error wins.

Probabilities are these shares. A decision is the one that is best in its metric among those that are the same for every
row: the most frequent class for accuracy, the positive class for precision and F1. Recall takes the most frequent class
as well: "always" has a recall of 1, and nothing could be better. The absolute error of a value is judged against the
median, a pinball loss against its quantile, and MAPE against the median weighted by 1 / |value|: each the one answer
that is best for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.pipeline_toml.keys import QUANTILES
from training.judging.contestants import Answers
from training.judging.formatting import rounded
from training.statistics.metrics import FloatArray
from training.tables import Table

DAY = pd.Timedelta(days=1)
WEEKS = 28
YEAR = 364  # days: the same weekday a year before
LEAST_DAYS = 14  # of train, or there is no past to choose among seasons by
ALWAYS, MOST_FREQUENT = 0.0, 0.5

Times: TypeAlias = "pd.Series[Any]"
Keys = npt.NDArray[np.int64]
How = str | Callable[[Times], float]


@dataclass(frozen=True)
class Baseline:
    """`name`: whose answer it is. predicted: [rows, classes] or [rows]; others: [rows] for each metric of a regression
    that another answer than the mean is best for."""

    name: str
    predicted: FloatArray
    others: Mapping[str, FloatArray] = field(default_factory=dict)

    def answers(self, metric: str) -> Answers:
        """What it answers where this metric asks."""
        if metric in self.others:
            return Answers(self.others[metric], None)
        if self.predicted.ndim == 1 or self.predicted.shape[1] > 2:
            return Answers(self.predicted, None)
        return Answers(self.predicted, ALWAYS if metric in ("precision", "f1") else MOST_FREQUENT)


@dataclass(frozen=True)
class _Rule:
    """Rows of one key share an answer. `days`: so many of the last ones are looked at; `ahead`: a key counts for the
    day that comes so much later."""

    name: str
    key: Callable[[Times], Keys]
    days: int | None = None
    ahead: int = 0


def _one(times: Times) -> Keys:
    return np.zeros(len(times), dtype=np.int64)


def _day(times: Times) -> Keys:
    return np.asarray((times - pd.Timestamp(0)) // DAY, dtype=np.int64)


def _weekday(times: Times) -> Keys:
    return np.asarray(times.dt.dayofweek, dtype=np.int64)


def _hour_of_week(times: Times) -> Keys:
    return _weekday(times) * 24 + np.asarray(times.dt.hour, dtype=np.int64)


ALL_OF_TRAIN = _Rule("all train rows", _one)
IN_TIME = (
    ALL_OF_TRAIN,
    _Rule("the last day of train", _one, days=1),
    _Rule("the same weekday in the last four weeks of train", _weekday, days=WEEKS),
    _Rule("the same hour of the week in the last four weeks of train", _hour_of_week, days=WEEKS),
    _Rule("the same day a year before", _day, ahead=YEAR),
)


def baseline_of(train: Table, holdout: Table, metrics: Sequence[str] = ("mae",)) -> Baseline:
    """The baseline of these tables, for these metrics. Raises TableError where train's answers cannot be read, KeyError
    without times."""
    time = train.manifest.time
    before, after = (one.frame[time] if time else pd.Series(one.frame.index) for one in (train, holdout))
    answers = _columns(train)
    rule = min(IN_TIME, key=lambda one: _past_error(one, before, answers, after)) if time else ALL_OF_TRAIN
    means = _answer(rule, before, answers, after, "mean")
    if train.manifest.task != "regression":
        return Baseline(f"each class's share of {rule.name}", means)
    bests = {metric: best for metric in metrics if (best := _best_for(metric)) is not None}
    others = {metric: _answer(rule, before, answers, after, best)[:, 0] for metric, best in bests.items()}
    return Baseline(f"the mean of {rule.name}", means[:, 0], others)


def _best_for(metric: str) -> How | None:
    """The one answer to several values that is best in this metric, where that is not their mean."""
    if metric == "mae":
        return "median"
    if metric == "mape":
        return _median_of_shares
    return partial(pd.Series.quantile, q=QUANTILES[metric]) if metric in QUANTILES else None


def _median_of_shares(values: "pd.Series[Any]") -> float:
    """The median of values weighted by 1 / |value|; values of 0 have no share and are left out."""
    ordered = np.sort(values[values != 0].to_numpy(dtype=np.float64))
    reached = np.cumsum(1 / np.abs(ordered))
    return float(ordered[np.searchsorted(reached, reached[-1] / 2)]) if len(ordered) else 0.0


def _columns(train: Table) -> pd.DataFrame:
    """[rows, classes] 1 for the row's own class and 0 elsewhere, or [rows, 1] the values."""
    truth = train.truth
    return pd.DataFrame(truth if train.manifest.task == "regression" else np.eye(len(train.manifest.classes))[truth])


def _past_error(rule: _Rule, times: Times, answers: pd.DataFrame, holdout: Times) -> float:
    """Mean squared error on the last days of train; where these are few, 0 for every rule: the first is taken."""
    days = _day(times)
    length, span = int(np.ptp(_day(holdout))) + 1, int(np.ptp(days)) + 1
    if span < LEAST_DAYS:
        return 0.0
    is_last = days > days.max() - min(length, span // 3)
    said = _answer(rule, times[~is_last], answers[~is_last], times[is_last], "mean")
    return rounded(float(((said - answers[is_last].to_numpy()) ** 2).mean()))


def _answer(rule: _Rule, times: Times, answers: pd.DataFrame, asked: Times, how: How) -> FloatArray:
    """[rows asked, columns]. Shares are drawn towards all rows' by the weight of one row, so that none is 0 or 1."""
    whole = answers.agg(how).to_numpy(dtype=np.float64)
    is_recent = np.ones(len(times), dtype=bool) if rule.days is None else _day(times) > _day(times).max() - rule.days
    recent, keys = answers[is_recent], rule.key(times)[is_recent] + rule.ahead
    seen = recent.groupby(keys).agg(how)
    if answers.shape[1] > 1:
        rows = recent.groupby(keys).size()
        seen = seen.mul(rows, axis=0).add(whole).div(rows + 1, axis=0)
    found = seen.reindex(rule.key(asked)).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), whole, found)
