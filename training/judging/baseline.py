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
TINY = 1e-300

Times: TypeAlias = "pd.Series[Any]"
Keys = npt.NDArray[np.int64]


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


@dataclass(frozen=True)
class _Best:
    """The one answer to several values. `plain`: as pandas has it; `quantile`: None for the mean; `of_shares`: where an
    error counts as a share of the value, so that a value of 0 is left out."""

    plain: "str | Callable[[pd.Series[Any]], float]"
    quantile: float | None = None
    of_shares: bool = False

    def of(self, values: FloatArray, weights: FloatArray) -> float:
        """NaN where no row counts. Both [rows]."""
        if self.of_shares:
            weights = np.divide(weights, np.abs(values), out=np.zeros_like(values), where=values != 0)
        if not weights.any():
            return float("nan")
        if self.quantile is None:
            return float(np.average(values, weights=weights))
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order])
        return float(values[order][np.searchsorted(reached, self.quantile * reached[-1])])


def _median_of_shares(values: "pd.Series[Any]") -> float:
    numbers = values.to_numpy(dtype=np.float64)
    return _Best("", 0.5, of_shares=True).of(numbers, np.ones(len(numbers)))


def _quantile(share: float) -> "Callable[[pd.Series[Any]], float]":
    return lambda values: float(values.quantile(share))


MEAN = _Best("mean")
# Metrics of values for which another answer than the mean is best.
BEST = {
    "mae": _Best("median", 0.5),
    "mape": _Best(_median_of_shares, 0.5, of_shares=True),
    **{name: _Best(_quantile(quantile), quantile) for name, quantile in QUANTILES.items()},
}


@dataclass(frozen=True)
class _Past:
    """Rows with their answers. times, weights: [rows]; answers: [rows, columns]."""

    times: Times
    answers: pd.DataFrame
    weights: "pd.Series[float] | None"

    def where(self, rows: npt.NDArray[np.bool_]) -> "_Past":
        weights = None if self.weights is None else self.weights[rows]
        return _Past(self.times[rows], self.answers[rows], weights)

    def all(self, best: _Best) -> "pd.Series[Any]":
        """The answer to all rows, by column."""
        if self.weights is None:
            return self.answers.agg(best.plain)
        weights, columns = np.asarray(self.weights, dtype=np.float64), np.asarray(self.answers, dtype=np.float64).T
        return pd.Series([best.of(column, weights) for column in columns], index=self.answers.columns)

    def by(self, keys: Keys, best: _Best) -> pd.DataFrame:
        """The answer to the rows of each key. keys: [rows]."""
        if self.weights is None:
            return self.answers.groupby(keys).agg(best.plain)
        return pd.DataFrame({key: self.where(keys == key).all(best) for key in np.unique(keys)}).T

    def rows(self, keys: Keys) -> "pd.Series[Any]":
        """How many rows each key has, in rows of an average weight."""
        if self.weights is None:
            return self.answers.groupby(keys).size()
        return self.weights.groupby(keys).sum() / max(float(self.weights.mean()), TINY)


def baseline_of(train: Table, holdout: Table, metrics: Sequence[str] = ("mae",)) -> Baseline:
    """The baseline of these tables, for these metrics. Raises TableError where train's answers cannot be read, KeyError
    without times."""
    time = train.manifest.time
    before, after = (one.frame[time] if time else pd.Series(one.frame.index) for one in (train, holdout))
    past = _Past(before, _columns(train), None if train.weights is None else pd.Series(train.weights))
    rule = min(IN_TIME, key=lambda one: _past_error(one, past, after)) if time else ALL_OF_TRAIN
    means = _answer(rule, past, after, MEAN)
    if train.manifest.task != "regression":
        return Baseline(f"each class's share of {rule.name}", means)
    others = {one: _answer(rule, past, after, BEST[one])[:, 0] for one in metrics if one in BEST}
    return Baseline(f"the mean of {rule.name}", means[:, 0], others)


def _columns(train: Table) -> pd.DataFrame:
    """[rows, classes] 1 for the row's own class and 0 elsewhere, or [rows, 1] the values."""
    truth = train.truth
    return pd.DataFrame(truth if train.manifest.task == "regression" else np.eye(len(train.manifest.classes))[truth])


def _past_error(rule: _Rule, past: _Past, holdout: Times) -> float:
    """Mean squared error on the last days of train; where these are few, 0 for every rule: the first is taken."""
    days = _day(past.times)
    length, span = int(np.ptp(_day(holdout))) + 1, int(np.ptp(days)) + 1
    if span < LEAST_DAYS:
        return 0.0
    is_last = days > days.max() - min(length, span // 3)
    last = past.where(is_last)
    said = _answer(rule, past.where(~is_last), last.times, MEAN)
    squares = (said - last.answers.to_numpy()) ** 2
    if last.weights is None:
        return rounded(float(squares.mean()))
    return rounded(float(np.average(squares, axis=0, weights=last.weights).mean())) if last.weights.any() else 0.0


def _answer(rule: _Rule, past: _Past, asked: Times, best: _Best) -> FloatArray:
    """[rows asked, columns]. Shares are drawn towards all rows' by the weight of one row, so that none is 0 or 1."""
    times, whole = past.times, past.all(best).to_numpy(dtype=np.float64)
    is_recent = np.ones(len(times), dtype=bool) if rule.days is None else _day(times) > _day(times).max() - rule.days
    recent, keys = past.where(is_recent), rule.key(times)[is_recent] + rule.ahead
    seen = recent.by(keys, best)
    if past.answers.shape[1] > 1:
        rows = recent.rows(keys)
        seen = seen.mul(rows, axis=0).add(whole).div(rows + 1, axis=0)
    found = seen.reindex(rule.key(asked)).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), whole, found)
