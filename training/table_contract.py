"""Whether a table still is what a model was trained on: columns, types, ranges, missing and unknown values.

The model card says what training saw of each feature, and the folder's reference is a sample of it. Thresholds are
wide: seasons move, and drift has a stage of its own. What breaks the contract is what looks like a mistake:

- a column that is gone, or holds text instead of numbers, or a boolean that is neither 0 nor 1;
- values missing in MORE_MISSING more of all rows than in training, or categories unknown in MOST_UNKNOWN of them;
- values far beyond the range of training: by more than the whole width of it, in MOST_FAR_OUT of the rows (a skewed
  column of a small table has one or two such rows by chance: 2 of 143 in the breast cancer table);
- values outside the middle 98 % of the reference in MOST_UNUSUAL of the rows, as when units change. On the flights a
  month within the seasons trained on shows 0 to 3 %, temperatures in °C instead of °F 39 % in September; with less than
  half a year to train on, spring itself shows up to 39 %. A feature that only ever grows or falls with time (a year, a
  month, a counter) leaves its range by its nature: of such a one no rule but the third is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.features import MISSING, Feature
from training.figures import percent

MORE_MISSING = 0.1
MOST_UNKNOWN = 0.1
MOST_FAR_OUT = 0.05
MOST_UNUSUAL = 0.25
MIDDLE = (1, 99)  # percentiles

Numbers = npt.NDArray[np.float64]
RunsWithTime = Callable[[str], bool]


def breaches(
    features: Sequence[Feature], frame: pd.DataFrame, reference: pd.DataFrame, runs_with_time: RunsWithTime
) -> tuple[str, ...]:
    """One phrase for each broken promise, in the order of `features`; none if the table is as trained on.

    frame: rows to judge. reference: rows of the model's own reference. runs_with_time: whether the numeric feature of
    this name only ever grows or falls with time; asked only where that matters.
    """
    return tuple(
        f"{feature.name} {breach}"
        for feature in features
        for breach in _breaches(feature, frame, reference, runs_with_time)
    )


def is_monotone(values: npt.NDArray[Any]) -> bool:
    """Whether values, in the order of time, never fall or never grow. Missing ones are passed over."""
    steps = np.diff(values[~np.isnan(values)])
    return len(steps) > 0 and bool((steps >= 0).all() or (steps <= 0).all())


def _breaches(
    feature: Feature, frame: pd.DataFrame, reference: pd.DataFrame, runs_with_time: RunsWithTime
) -> Iterator[str]:
    if feature.name not in frame:
        yield "is gone: the table has no such column"
        return
    column = frame[feature.name]
    is_text = not pd.api.types.is_numeric_dtype(column)
    if is_text != (feature.kind == "categorical"):
        yield f"holds {'text' if is_text else 'numbers'}: the model reads it as {feature.kind}"
        return
    if feature.kind == "categorical":
        yield from _of_categories(feature, column)
        return
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    yield from _of_missing(feature, float(np.isnan(values).mean()))
    present = values[~np.isnan(values)]
    if feature.kind == "boolean":
        yield from _of_booleans(present)
    elif len(present):
        yield from _of_range(feature, present, _numbers(feature, reference), runs_with_time)


def _of_missing(feature: Feature, share: float) -> Iterator[str]:
    if share > feature.missing_share + MORE_MISSING:
        yield f"is missing in {percent(share)} of the rows, in training in {percent(feature.missing_share)}"


def _of_booleans(present: Numbers) -> Iterator[str]:
    if not np.isin(present, (0, 1)).all():
        yield "is neither 0 nor 1 in some rows, and the model reads it as boolean"


def _of_categories(feature: Feature, column: "pd.Series[Any]") -> Iterator[str]:
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(distinct)) / max(1, len(column))
    is_missing = np.array([pd.isna(value) or value == MISSING for value in distinct], dtype=bool)
    yield from _of_missing(feature, float(counts[is_missing].sum()))
    known = set(feature.categories)
    is_unknown = np.array([value not in known for value in distinct], dtype=bool) & ~is_missing
    share = float(counts[is_unknown].sum())
    if share > MOST_UNKNOWN:
        example = distinct[int(np.flatnonzero(is_unknown)[0])]
        yield f"is of a category that training never saw in {percent(share)} of the rows, such as {example}"


def _of_range(feature: Feature, present: Numbers, reference: Numbers, runs_with_time: RunsWithTime) -> Iterator[str]:
    if feature.minimum is not None and feature.maximum is not None:
        low, high = feature.minimum, feature.maximum
        reach = (high - low) or max(1.0, abs(high))
        far = float(((present < low - reach) | (present > high + reach)).mean())
        if far > MOST_FAR_OUT:
            seen = f"{present.min():g} to {present.max():g}"
            yield f"runs from {seen}, in training from {low:g} to {high:g}: were its units changed?"
            return
    if not len(reference):
        return
    usual = np.percentile(reference, MIDDLE)
    outside = float(((present < usual[0]) | (present > usual[1])).mean())
    if outside > MOST_UNUSUAL and not runs_with_time(feature.name):
        yield (
            f"is outside {usual[0]:g} to {usual[1]:g} in {percent(outside)} of the rows, in training in 2 %: "
            "were its units changed?"
        )


def _numbers(feature: Feature, reference: pd.DataFrame) -> Numbers:
    values: Numbers = reference[feature.name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values[~np.isnan(values)]
