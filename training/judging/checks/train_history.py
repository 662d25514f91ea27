"""Derives from train's own history what to expect of the holdout: how far columns step, how many categories are new.

**Steps.** A change of units happens from one day to the next. A season does not, and a column that jumps each month has
jumped before. Values are read as normal scores of train (Conover and Iman 1981, "Rank transformations as a bridge",
American Statistician 35), so that a step of a skewed column is as wide at its top as at its bottom; beyond train they
grow like a logarithm. The level of a column is the median of its daily medians over WINDOW days. A step is the level
from a day on, minus the level before it. A step in the holdout is a jump where

- it is over FACTOR times train's largest step, over half the column's spread, and over what a t distribution allows for
  steps as wide as train's (at an error rate of one table in 100, all columns together);
- MOST_UNUSUAL of the rows after it are outside the middle 98 % of the rows before it.

With fewer than LEAST_STEPS steps in train, the holdout is compared with all of train instead.

**New categories.** A column with many rare categories has new ones all the time. To be expected is the largest share in
windows of the holdout's length in the later half of train. Without time, or with too little of it, it is the share of
rows whose category is in one row (or one group) only, which estimates the same (Good 1953, "The population frequencies
of species", Biometrika 40).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri, stdtrit

from contracts.features import MISSING, Feature
from training.judging.checks.table_contract import ALPHA, MIDDLE, MOST_UNUSUAL, Numbers, is_monotone, jumps
from training.tables import Table

WINDOW = 7  # days that have rows
LEAST_STEPS = 14
FACTOR = 1.25
LEAST_FREEDOM = 10
LEAST_SPREAD = 0.5
LEAST_CLUSTERS = 8
POINTS = (1, 2.5, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97.5, 99)  # percentiles
SCORES = ndtri(np.array(POINTS) / 100)
TAIL = 3  # the points beyond the tenth and the ninetieth percentile
DAY = pd.Timedelta(days=1)

Days = npt.NDArray[np.int64]


class Jump(NamedTuple):
    """A numeric column that jumped as after a change of units. `words`: what signs it off."""

    column: str
    text: str
    words: str


def unit_jumps(features: Sequence[Feature], train: Table, holdout: Table) -> tuple[Jump, ...]:
    """The jumps of all numeric features, each at its largest step."""
    names = [one.name for one in features if one.kind == "numeric" and _is_number(one.name, train, holdout)]
    time = train.manifest.time
    if not names or not len(holdout.frame) or (time and time not in holdout.frame):
        return ()
    if not time:
        return _without_past(features, train, holdout)
    days = [_days(one.frame[time]) for one in (train, holdout)]
    if len(np.unique(days[0])) < LEAST_STEPS + 2 * WINDOW:
        return _without_past(features, train, holdout)
    alpha = ALPHA / len(names) / max(1, len(np.unique(days[1])))
    found = (_jump(name, train, holdout, days[0], days[1], alpha) for name in names)
    return tuple(one for one in found if one is not None)


def unseen_shares(features: Sequence[Feature], train: Table, holdout: Table) -> Mapping[str, float]:
    """By categorical feature, the share of rows that may have a category that train does not have."""
    names = [one.name for one in features if one.kind == "categorical" and one.name in train.frame]
    time = train.manifest.time
    windows = None
    if time and len(holdout.frame) and time in holdout.frame:
        days, length = _days(train.frame[time]), int(np.ptp(_days(holdout.frame[time]))) + 1
        windows = (days - days.max() - 1) // length  # counted back from the end: -1 is the last
    return {name: _unseen_share(train.frame[name], windows, train.clusters) for name in names}


def _jump(name: str, train: Table, holdout: Table, before: Days, after: Days, alpha: float) -> Jump | None:
    values = np.concatenate([one.frame[name].to_numpy(dtype=np.float64) for one in (train, holdout)])
    days = np.concatenate([before, after])
    daily = pd.Series(_scaled(values, values[: len(before)])).groupby(days).median().dropna()
    size = _steps(daily.rolling(WINDOW).median()).abs()
    first, seen = int(after.min()), daily.index.to_numpy()
    # The level after a step of train must not reach into the holdout.
    ends = np.append(seen[WINDOW - 1 :], np.full(WINDOW - 1, seen[-1]))[: len(seen)]
    past, new = size[ends < first].dropna(), size[(seen >= first) & size.notna().to_numpy()]
    if len(past) < LEAST_STEPS or not len(new):
        return None
    beyond = new[new > _largest_expected(past, alpha)].index
    if not len(beyond) or is_monotone(values[np.argsort(days, kind="stable")]):
        return None
    # Days around a change share its medians; the means are furthest apart at the change itself.
    sharpest = _steps(daily.rolling(WINDOW).mean()).abs()[beyond]
    day = int(beyond[int(sharpest.argmax())])
    place = int(np.flatnonzero(seen == day)[0])
    sides = [
        values[(days >= seen[a]) & (days <= seen[b]) & ~np.isnan(values)]
        for a, b in ((place - WINDOW, place - 1), (place, place + WINDOW - 1))
    ]
    if _outside(sides[1], sides[0]) <= MOST_UNUSUAL:
        return None
    return _described(name, day, float(size[day]) / max(float(past.max()), LEAST_SPREAD / FACTOR), sides)


def _largest_expected(past: "pd.Series[float]", alpha: float) -> float:
    """The largest step to be expected after these, in spreads of the column."""
    # A step compares two times WINDOW days, and neighbouring steps share them, so that so many count as one.
    freedom = max(LEAST_FREEDOM, len(past) // (2 * WINDOW))
    by_chance = float(stdtrit(freedom, 1 - alpha / 2)) * float(np.sqrt((past**2).mean()))
    return max(FACTOR * float(past.max()), LEAST_SPREAD, by_chance)


def _steps(levels: "pd.Series[float]") -> "pd.Series[float]":
    """The level of the days from each one on, minus that of the days before it. `levels`: of the days up to each."""
    return levels.shift(1 - WINDOW) - levels.shift(1)


def _scaled(values: Numbers, usual: Numbers) -> Numbers:
    """Normal scores by the percentiles of `usual`; beyond the outermost, logarithms of the distance to them."""
    at = np.nanpercentile(usual, POINTS)
    distinct, place = np.unique(at, return_inverse=True)
    scores = np.bincount(place, SCORES) / np.bincount(place)
    inside: Numbers = np.interp(values, distinct, scores)
    inside += np.arcsinh(np.maximum(values - at[-1], 0) / _slope(at, -1 - TAIL, -1))
    inside -= np.arcsinh(np.maximum(at[0] - values, 0) / _slope(at, 0, TAIL))
    return inside


def _slope(at: Numbers, low: int, high: int) -> float:
    """What one score is worth beyond the outermost percentile: as in its tail, or as in its half, whichever is more."""
    middle = len(POINTS) // 2
    half = (low, middle) if low == 0 else (middle, high)
    ends = ((low, high), half, (0, -1))
    worth = [float(at[b] - at[a]) / float(SCORES[b] - SCORES[a]) for a, b in ends]
    return max(worth[:2]) or worth[2] or 1.0


def _described(name: str, day: int, times: float, sides: Sequence[Numbers]) -> Jump:
    when = f"{pd.Timestamp(0) + day * DAY:%Y-%m-%d}"
    was, now = (float(np.median(side)) for side in sides)
    return Jump(
        name,
        f"{name} moved from {was:.4g} to {now:.4g} on {when}, {times:.1f} times as far as in any week of "
        "training: were its units changed?",
        f"{name} moved on {when}",
    )


def _without_past(features: Sequence[Feature], train: Table, holdout: Table) -> tuple[Jump, ...]:
    """The holdout compared with all of train. With few groups there is no check: their values may be anywhere."""
    time, group = train.manifest.time, train.manifest.cluster
    if not time and group in holdout.frame and holdout.frame[group].nunique() < LEAST_CLUSTERS:
        return ()

    def runs_with_time(name: str) -> bool:
        return bool(time) and is_monotone(train.frame.sort_values(time, kind="stable")[name].to_numpy(dtype=np.float64))

    found = {one.name: jumps([one], holdout.frame, train.frame, runs_with_time) for one in features}
    return tuple(Jump(name, texts[0], f"{name} moved") for name, texts in found.items() if texts)


def _unseen_share(column: "pd.Series[str]", windows: Days | None, clusters: Days | None) -> float:
    known = (column != MISSING).to_numpy() & column.notna().to_numpy()
    codes = pd.factorize(column)[0]
    if windows is not None and windows.min() <= -4:
        first = pd.Series(windows).groupby(codes).transform("min").to_numpy()
        is_new = known & (first == windows)
        late = [one for one in np.unique(windows) if one >= windows.min() / 2]
        return max(float(is_new[windows == one].mean()) for one in late)
    groups = np.arange(len(codes)) if clusters is None else clusters
    alone = pd.DataFrame({"code": codes, "group": groups}).groupby("code")["group"].transform("nunique").to_numpy() == 1
    return float((alone & known).mean())


def _outside(values: Numbers, usual: Numbers) -> float:
    if not len(values) or not len(usual):
        return 0.0
    low, high = np.percentile(usual, MIDDLE)
    return float(((values < low) | (values > high)).mean())


def _days(times: "pd.Series[pd.Timestamp]") -> Days:
    return np.asarray((times - pd.Timestamp(0)) // DAY, dtype=np.int64)


def _is_number(name: str, *tables: Table) -> bool:
    return all(name in one.frame and pd.api.types.is_numeric_dtype(one.frame[name]) for one in tables)
