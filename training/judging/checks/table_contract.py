"""Checks that a table is still what a model was trained on: columns, types, ranges, missing and unknown values.

Thresholds are wide, because seasons move columns, and drift has a stage of its own. A breach looks like a mistake.

`breaches` compares a table with the model card, which says what training saw of each feature:

- a column that is gone, or has text instead of numbers, or a boolean that is neither 0 nor 1;
- missing values in MORE_MISSING more of the rows than in training, or unknown categories in MOST_UNKNOWN more of them
  than is to be expected (`train_history.py`);
- values beyond the range of training by more than its whole width, in MOST_FAR_OUT of the rows (a skewed column of a
  small table has one or two such rows by chance: 2 of 143 in the breast cancer table).

A share must exceed its limit significantly, with an error rate of one table in 100 for all columns together. A tenth
more missing values in a holdout of forty rows are four rows, which may be chance.

`jumps` compares rows with others that they should resemble, to find a change of units: MOST_UNUSUAL of them are outside
the middle 98 % of the others. A feature that only grows or only falls with time (a year, a counter) leaves any range
and is not tested. Where the rows have times, `train_history.py` does this more precisely.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtrc

from contracts.features import MISSING, Feature
from training.judging.formatting import percent

MORE_MISSING = 0.1
MOST_UNKNOWN = 0.1
MOST_FAR_OUT = 0.05
MOST_UNUSUAL = 0.6
ALPHA = 0.01
MIDDLE = (1, 99)  # percentiles

Numbers = npt.NDArray[np.float64]
RunsWithTime = Callable[[str], bool]


def breaches(
    features: Sequence[Feature],
    frame: pd.DataFrame,
    unseen: Mapping[str, float] | None = None,
    columns: Sequence[Feature] = (),
) -> tuple[str, ...]:
    """One phrase for each breach, in the order of `features`.

    unseen: by feature, the expected share of rows with a category that was never seen; 0 where not given. columns: all
    features that are tested, where `features` are some of them.
    """
    if not len(frame):
        return ()
    expected, alpha = unseen or {}, ALPHA / max(1, len(columns or features))
    return tuple(
        f"{feature.name} {breach}"
        for feature in features
        for breach in _breaches(feature, frame, expected.get(feature.name, 0.0), alpha)
    )


def jumps(
    features: Sequence[Feature],
    frame: pd.DataFrame,
    others: pd.DataFrame,
    runs_with_time: RunsWithTime,
) -> tuple[str, ...]:
    """One phrase for each numeric feature that is outside the usual range of `others` in MOST_UNUSUAL of `frame`.

    runs_with_time: whether the feature of this name only grows or only falls with time; called only where it matters.
    """
    found: list[str] = []
    for feature in features:
        if feature.kind == "numeric" and _has_numbers(frame, feature.name) and _has_numbers(others, feature.name):
            values, usual = _present(frame[feature.name]), _present(others[feature.name])
            seen = _jumps(values, usual)
            found.extend(f"{feature.name} {jump}" for jump in seen if not runs_with_time(feature.name))
    return tuple(found)


def is_monotone(values: npt.NDArray[Any]) -> bool:
    """Whether values, in the order of time, never fall or never grow. Missing ones are ignored."""
    steps = np.diff(values[~np.isnan(values)])
    return len(steps) > 0 and bool((steps >= 0).all() or (steps <= 0).all())


def _breaches(feature: Feature, frame: pd.DataFrame, unseen: float, alpha: float) -> Iterator[str]:
    if feature.name not in frame:
        yield "is gone: the table has no such column"
        return
    column = frame[feature.name]
    is_text = not pd.api.types.is_numeric_dtype(column)
    if is_text != (feature.kind == "categorical"):
        yield f"holds {'text' if is_text else 'numbers'}: the model reads it as {feature.kind}"
        return
    if feature.kind == "categorical":
        yield from _of_categories(feature, column, unseen, alpha)
        return
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    yield from _of_missing(feature, float(np.isnan(values).mean()), len(values), alpha)
    present = values[~np.isnan(values)]
    if feature.kind == "boolean":
        yield from _of_booleans(present)
    elif len(present):
        yield from _of_range(feature, present, alpha)


def _of_missing(feature: Feature, share: float, rows: int, alpha: float) -> Iterator[str]:
    if _is_significantly_over(share, rows, feature.missing_share + MORE_MISSING, alpha):
        yield f"is missing in {percent(share)} of the rows, in training in {percent(feature.missing_share)}"


def _of_booleans(present: Numbers) -> Iterator[str]:
    if not np.isin(present, (0, 1)).all():
        yield "is neither 0 nor 1 in some rows, and the model reads it as boolean"


def _of_categories(feature: Feature, column: "pd.Series[Any]", unseen: float, alpha: float) -> Iterator[str]:
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(distinct)) / max(1, len(column))
    is_missing = np.array([pd.isna(value) or value == MISSING for value in distinct], dtype=bool)
    yield from _of_missing(feature, float(counts[is_missing].sum()), len(column), alpha)
    known = set(feature.categories)
    is_unknown = np.array([value not in known for value in distinct], dtype=bool) & ~is_missing
    share = float(counts[is_unknown].sum())
    if _is_significantly_over(share, len(column), unseen + MOST_UNKNOWN, alpha):
        example = distinct[int(np.flatnonzero(is_unknown)[0])]
        usual = f" (in training's own past {percent(unseen)})" if unseen else ""
        yield f"is of a category that training never saw in {percent(share)} of the rows{usual}, such as {example}"


def _of_range(feature: Feature, present: Numbers, alpha: float) -> Iterator[str]:
    if feature.minimum is None or feature.maximum is None:
        return
    low, high = feature.minimum, feature.maximum
    reach = (high - low) or max(1.0, abs(high))
    share = float(((present < low - reach) | (present > high + reach)).mean())
    if _is_significantly_over(share, len(present), MOST_FAR_OUT, alpha):
        seen = f"{present.min():g} to {present.max():g}"
        yield f"runs from {seen}, in training from {low:g} to {high:g}: were its units changed?"


def _is_significantly_over(share: float, rows: int, limit: float, alpha: float) -> bool:
    """Whether the share of rows is over `limit`, and significantly so at level alpha (binomial test)."""
    return share > limit and float(bdtrc(round(share * rows) - 1, rows, limit)) < alpha


def _jumps(values: Numbers, usual: Numbers) -> Iterator[str]:
    if not len(values) or not len(usual):
        return
    low, high = np.percentile(usual, MIDDLE)
    outside = float(((values < low) | (values > high)).mean())
    if outside > MOST_UNUSUAL:
        yield (
            f"is outside {low:g} to {high:g} in {percent(outside)} of the rows, before that in 2 %: "
            "were its units changed?"
        )


def _has_numbers(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and pd.api.types.is_numeric_dtype(frame[name])


def _present(column: "pd.Series[Any]") -> Numbers:
    values: Numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[~np.isnan(values)]
