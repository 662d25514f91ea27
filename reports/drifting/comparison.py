"""Reference against window, reading by reading: how far apart, and from where on that is drift.

The stated rate of false alarms is shared out: a tenth to missing rates, a tenth to labels where they came in, the rest
to the largest distance of values, residuals and predictions. Beyond chance a distance must also matter (its effect
size), and where the table has time it must exceed what windows of this length have reached before (model.json's
history, times drift.historic_factor): weather moves every week, and rows of one week are not independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.config import Drift
from contracts.distances import Counted, counted
from contracts.model_folder import PREDICTION_COLUMN, ColumnHistory, ModelCard
from contracts.readings import (
    Columns,
    Reading,
    feature_readings,
    fit_numbers,
    label_reading,
    prediction_reading,
    values_of,
)
from contracts.verdict import ColumnComparison, LabelComparison
from reports.drifting.request_log import Answers
from reports.drifting.thresholds import by_chance, missing_by_chance

OWN_TEST_SHARE = 0.1


@dataclass(frozen=True)
class Compared:
    """What was compared, and how far apart it was. `not_logged`: features of the model that the log does not have."""

    columns: tuple[ColumnComparison, ...] = ()
    readings: tuple[Reading, ...] = ()
    labels: LabelComparison | None = None
    not_logged: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[ColumnComparison, ...]:
        """For each feature the reading that is furthest from its threshold; the furthest feature first."""
        furthest: dict[str, ColumnComparison] = {}
        pairs = sorted(zip(self.columns, self.readings, strict=True), key=lambda pair: excess(pair[0]), reverse=True)
        for column, reading in pairs:
            if reading.kind != "prediction":
                furthest.setdefault(reading.source, column)
        return tuple(furthest.values())

    @property
    def drifted(self) -> tuple[ColumnComparison, ...]:
        return tuple(one for one in self.features if one.drifted)

    @property
    def prediction(self) -> ColumnComparison:
        return next(one for one in self.columns if one.kind == "prediction")


def excess(column: ColumnComparison) -> float:
    """Distance over threshold: above 1 means drift, and columns of any method can be ranked by it."""
    return column.distance / column.threshold


def compare(
    drift: Drift,
    card: ModelCard,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    answers: Answers,
    window_days: int,
    seed: int,
) -> Compared:
    """Every reading of the features that are logged, the predictions, and the labels that came in.

    `reference` and `current` are encoded alike (reference.parquet); `window_days`: 0 where the window's length means
    nothing. A column without any value on one side is compared by what is missing alone.
    """
    logged = [feature for feature in card.features if feature.name in current]
    not_logged = tuple(feature.name for feature in card.features if feature.name not in current)
    if current.empty:
        return Compared(not_logged=not_logged)
    before, now = _columns(reference), _columns(current)
    fit = None if not_logged else fit_numbers(before, logged)
    left = [fit.residuals(table) if fit else {} for table in (before, now)]
    asked = (*feature_readings(drift, logged, fit), prediction_reading(drift, card.task))
    pairs: list[tuple[Reading, Counted]] = []
    for reading in asked:
        one = counted(reading.method, values_of(reading, before, left[0]), values_of(reading, now, left[1]))
        if (one.reference >= 0).any() and (one.current >= 0).any():
            pairs.append((reading, one))
    actual = _labels(answers)
    limits = _by_chance(drift, pairs, len(current), has_labels=actual is not None, seed=seed)
    columns = tuple(
        _compared(drift, reading, one, limit, _history(card.history, reading, window_days))
        for (reading, one), limit in zip(pairs, limits, strict=True)
    )
    readings = tuple(reading for reading, _ in pairs)
    labels = None if actual is None else _label_shift(drift, card, reference, actual, window_days, seed)
    return Compared(columns, readings, labels, not_logged)


def _columns(table: pd.DataFrame) -> Columns:
    return {
        str(name): table[name].to_numpy(dtype=np.float64 if pd.api.types.is_numeric_dtype(table[name]) else object)
        for name in table
        if not pd.api.types.is_datetime64_any_dtype(table[name])
    }


def _by_chance(
    drift: Drift, pairs: Sequence[tuple[Reading, Counted]], rows: int, *, has_labels: bool, seed: int
) -> list[float]:
    """A threshold for each reading, in their order."""
    missing = [place for place, (reading, _) in enumerate(pairs) if reading.kind == "missing"]
    others = [place for place, (reading, _) in enumerate(pairs) if reading.kind != "missing"]
    spent = OWN_TEST_SHARE * (bool(missing) + has_labels)
    limits = dict(
        zip(others, by_chance([pairs[one][1] for one in others], rows, drift.false_alarm_rate * (1 - spent), seed),
            strict=True)
    )  # fmt: skip
    if missing:
        gaps = [int((pairs[one][1].values[pairs[one][1].reference] == 1).sum()) for one in missing]
        own_rate = drift.false_alarm_rate * OWN_TEST_SHARE
        own = missing_by_chance(gaps, len(pairs[0][1].reference), rows, own_rate, seed)
        limits |= dict(zip(missing, own, strict=True))
    return [float(limits[place]) for place in range(len(pairs))]


def _history(history: Sequence[ColumnHistory], reading: Reading, days: int) -> float | None:
    """What windows of this length have reached; of a length in between, the next shorter one, which moves more."""
    for one in history:
        if (one.column, one.method) == (reading.column, reading.method) and one.largest:
            return one.largest[_nearest_length(one.largest, days)]
    return None


def _nearest_length(lengths: Mapping[int, float], days: int) -> int:
    return max((length for length in lengths if length <= days), default=min(lengths))


def _compared(drift: Drift, reading: Reading, one: Counted, limit: float, history: float | None) -> ColumnComparison:
    historic = None if history is None else drift.historic_factor * history
    threshold = max(limit, reading.effect, historic or 0.0)
    distance = one.distance()
    return ColumnComparison(
        column=reading.column,
        kind="prediction" if reading.source == PREDICTION_COLUMN else "feature",
        method=reading.method,
        distance=distance,
        threshold=threshold,
        drifted=distance > threshold,
        by_chance=limit,
        historic=historic,
        effect=reading.effect,
    )


def _labels(answers: Answers) -> "np.ndarray[tuple[int], np.dtype[np.object_]] | None":
    known = np.array([one is not None for one in answers.actual], dtype=bool)
    return answers.actual[known] if known.any() else None


def _label_shift(
    drift: Drift,
    card: ModelCard,
    reference: pd.DataFrame,
    actual: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    window_days: int,
    seed: int,
) -> LabelComparison | None:
    """None where the reference has no target, or too few labels came in to tell."""
    if card.target not in reference or len(actual) < drift.min_labels:
        return None
    reading = label_reading(drift, card.target, card.task)
    before, now = reference[card.target].to_numpy(), actual
    if card.task == "regression":
        before, now = before.astype(np.float64), now.astype(np.float64)
    else:
        before, now = before.astype(str), now.astype(str)
    one = counted(reading.method, before, now)
    limit = float(by_chance([one], len(now), drift.false_alarm_rate * OWN_TEST_SHARE, seed)[0])
    shift = _compared(drift, reading, one, limit, _history(card.history, reading, window_days))
    return LabelComparison(
        labels=len(now), method=shift.method, distance=shift.distance, threshold=shift.threshold, moved=shift.drifted
    )
