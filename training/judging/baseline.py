"""The baseline: the best prediction that reads no feature. A model that is not significantly better learned nothing.

Without a time column the baseline predicts the class shares or the mean of train for every holdout row. A table with
time has seasons, so the baseline may use the time: the value of train's last day, of the same weekday or hour of the
week in its last four weeks, or of the same day a year before. Train alone decides which of these rules is used. Each
rule predicts train's last days, as many as the holdout has, from the days before, and the least squared error wins.

Probabilities are class shares. A decision is the same for every row, the one that is best in its metric: the most
frequent class for accuracy, the positive class for precision and F1. Recall uses the most frequent class too, because
"always" has a recall of 1, and nothing could be better. Each regression metric has the constant that is best for it:
the mean for squared errors, the median for absolute ones, the quantile for a pinball loss, and for MAPE the median
weighted by 1 / |value|.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.pipeline_toml.keys import QUANTILES
from training.judging.formatting import rounded
from training.judging.scored_models import Predictions
from training.statistics.metrics import FloatArray
from training.tables import Table

DAY = pd.Timedelta(days=1)
WEEKS = 28
YEAR = 364  # days: the same weekday a year before
LEAST_DAYS = 14  # of train, to choose a rule by
ALWAYS, MOST_FREQUENT = 0.0, 0.5
TINY = 1e-300

Times: TypeAlias = "pd.Series[Any]"
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Baseline:
    """`name`: the rule that predicts. predicted: [rows, classes] or [rows].

    others: [rows], for each metric of a regression for which another constant than the mean is best.
    """

    name: str
    predicted: FloatArray
    others: Mapping[str, FloatArray] = field(default_factory=dict)

    def predictions(self, metric: str) -> Predictions:
        """The predictions that are best for this metric."""
        if metric in self.others:
            return Predictions(self.others[metric], None)
        if self.predicted.ndim == 1 or self.predicted.shape[1] > 2:
            return Predictions(self.predicted, None)
        return Predictions(self.predicted, ALWAYS if metric in ("precision", "f1") else MOST_FREQUENT)


@dataclass(frozen=True)
class _Rule:
    """Rows with the same key get the same prediction. `days`: only these last days of train are used.

    `ahead`: the key of a day is used for the day that comes so many days later.
    """

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
class _Constant:
    """The best constant for several values. `plain`: pandas' function for it; `quantile`: None for the mean.

    `of_shares`: an error counts as a share of the value, so values of 0 are left out.
    """

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
    return _Constant("", 0.5, of_shares=True).of(numbers, np.ones(len(numbers)))


def _quantile(share: float) -> "Callable[[pd.Series[Any]], float]":
    return lambda values: float(values.quantile(share))


MEAN = _Constant("mean")
# Metrics of a regression for which another constant than the mean is best.
BEST = {
    "mae": _Constant("median", 0.5),
    "mape": _Constant(_median_of_shares, 0.5, of_shares=True),
    **{name: _Constant(_quantile(quantile), quantile) for name, quantile in QUANTILES.items()},
}


@dataclass(frozen=True)
class _Past:
    """Rows whose target is known. times, weights: [rows]; truth: [rows, columns]."""

    times: Times
    truth: pd.DataFrame
    weights: "pd.Series[float] | None"

    def where(self, rows: npt.NDArray[np.bool_]) -> "_Past":
        weights = None if self.weights is None else self.weights[rows]
        return _Past(self.times[rows], self.truth[rows], weights)

    def all(self, best: _Constant) -> "pd.Series[Any]":
        """The constant for all rows, by column."""
        if self.weights is None:
            return self.truth.agg(best.plain)
        weights, columns = np.asarray(self.weights, dtype=np.float64), np.asarray(self.truth, dtype=np.float64).T
        return pd.Series([best.of(column, weights) for column in columns], index=self.truth.columns)

    def by(self, keys: Keys, best: _Constant) -> pd.DataFrame:
        """The constant for the rows of each key. keys: [rows]."""
        if self.weights is None:
            return self.truth.groupby(keys).agg(best.plain)
        return pd.DataFrame({key: self.where(keys == key).all(best) for key in np.unique(keys)}).T

    def rows(self, keys: Keys) -> "pd.Series[Any]":
        """How many rows each key has. With weights, a row of average weight counts as one."""
        if self.weights is None:
            return self.truth.groupby(keys).size()
        return self.weights.groupby(keys).sum() / max(float(self.weights.mean()), TINY)


def baseline_of(train: Table, holdout: Table, metrics: Sequence[str] = ("mae",)) -> Baseline:
    """The baseline for these tables and metrics. Raises TableError where train's target cannot be read, KeyError where
    times are missing."""
    time = train.manifest.time
    before, after = (one.frame[time] if time else pd.Series(one.frame.index) for one in (train, holdout))
    past = _Past(before, _columns(train), None if train.weights is None else pd.Series(train.weights))
    rule = min(IN_TIME, key=lambda one: _past_error(one, past, after)) if time else ALL_OF_TRAIN
    means = _predicted(rule, past, after, MEAN)
    if train.manifest.task != "regression":
        return Baseline(f"each class's share of {rule.name}", means)
    others = {one: _predicted(rule, past, after, BEST[one])[:, 0] for one in metrics if one in BEST}
    return Baseline(f"the mean of {rule.name}", means[:, 0], others)


def _columns(train: Table) -> pd.DataFrame:
    """[rows, classes]: 1 for the row's own class and 0 for the others. Or [rows, 1]: the values."""
    truth = train.truth
    return pd.DataFrame(truth if train.manifest.task == "regression" else np.eye(len(train.manifest.classes))[truth])


def _past_error(rule: _Rule, past: _Past, holdout: Times) -> float:
    """Mean squared error on the last days of train. 0 for every rule where train has few days: the first rule wins."""
    days = _day(past.times)
    length, span = int(np.ptp(_day(holdout))) + 1, int(np.ptp(days)) + 1
    if span < LEAST_DAYS:
        return 0.0
    is_last = days > days.max() - min(length, span // 3)
    last = past.where(is_last)
    predicted = _predicted(rule, past.where(~is_last), last.times, MEAN)
    squares = (predicted - last.truth.to_numpy()) ** 2
    if last.weights is None:
        return rounded(float(squares.mean()))
    return rounded(float(np.average(squares, axis=0, weights=last.weights).mean())) if last.weights.any() else 0.0


def _predicted(rule: _Rule, past: _Past, asked: Times, best: _Constant) -> FloatArray:
    """[rows asked, columns]. Shares are shrunk towards those of all rows by the weight of one row: none is 0 or 1."""
    times, whole = past.times, past.all(best).to_numpy(dtype=np.float64)
    is_recent = np.ones(len(times), dtype=bool) if rule.days is None else _day(times) > _day(times).max() - rule.days
    recent, keys = past.where(is_recent), rule.key(times)[is_recent] + rule.ahead
    seen = recent.by(keys, best)
    if past.truth.shape[1] > 1:
        rows = recent.rows(keys)
        seen = seen.mul(rows, axis=0).add(whole).div(rows + 1, axis=0)
    found = seen.reindex(rule.key(asked)).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), whole, found)
