"""Computes each drift statistic's distance from reference to window, and its drift threshold.

The false-alarm rate is divided: a tenth for missing rates, a tenth for labels if there are any, the rest for the
largest distance of values, residuals and predictions. A threshold is the largest of three: chance, the effect size,
and, if the table has time, the largest distance of earlier windows of this length (model.json's history, times
drift.historic_factor), because weather differs every week and rows of one week are not independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, ColumnHistory, ModelCard
from contracts.pipeline_toml.keys import Drift
from contracts.verdict import ColumnComparison, LabelComparison, SampledDistance
from reports.drift.large_log.whole import Distance, WholeLog
from reports.drift.log_reader import Answers
from reports.drift.thresholds import Groups, by_chance
from scoring.category_fit import Columns
from scoring.distances import Counted, IntArray, counted
from scoring.drift_statistics import (
    DriftStatistic,
    GivenOthers,
    feature_statistics,
    fit_others,
    label_statistic,
    prediction_statistic,
    values_of,
)

OWN_TEST_SHARE = 0.1


@dataclass(frozen=True)
class Compared:
    """The comparisons of one window. `not_logged`: features of the model that the log does not have.

    `sampled`: of a large log, for each of `columns` how far its distance may be from that of all rows.
    """

    columns: tuple[ColumnComparison, ...] = ()
    statistics: tuple[DriftStatistic, ...] = ()
    labels: LabelComparison | None = None
    not_logged: tuple[str, ...] = ()
    sampled: tuple[SampledDistance, ...] = ()

    @property
    def features(self) -> tuple[ColumnComparison, ...]:
        """Each feature's statistic with the largest excess; the feature with the largest first."""
        furthest: dict[str, ColumnComparison] = {}
        pairs = sorted(zip(self.columns, self.statistics, strict=True), key=lambda pair: excess(pair[0]), reverse=True)
        for column, statistic in pairs:
            if statistic.kind != "prediction":
                furthest.setdefault(statistic.source, column)
        return tuple(furthest.values())

    @property
    def drifted(self) -> tuple[ColumnComparison, ...]:
        return tuple(one for one in self.features if one.drifted)

    @property
    def prediction(self) -> ColumnComparison:
        return next(one for one in self.columns if one.kind == "prediction")


def excess(column: ColumnComparison) -> float:
    """Distance divided by threshold: above 1 means drift. Ranks columns of different methods."""
    return column.distance / column.threshold


@dataclass(frozen=True)
class Baseline:
    """A reference, prepared for comparisons with many windows: its statistics, and the fit of columns on the others."""

    drift: Drift
    card: ModelCard
    table: Columns
    fit: GivenOthers | None
    residuals: Columns
    statistics: tuple[DriftStatistic, ...]
    groups: IntArray | None = None

    def compared(
        self, current: pd.DataFrame, days: int, *, has_labels: bool, seed: int, window_groups: IntArray | None = None
    ) -> list[tuple[DriftStatistic, ColumnComparison]]:
        """The comparison of each statistic that has values on both sides. `window_groups`: of each row, or None."""
        found = self.compared_with_all(
            current, days, None, has_labels=has_labels, seed=seed, window_groups=window_groups
        )
        return [(statistic, column) for statistic, column, _ in found]

    def compared_with_all(
        self,
        current: pd.DataFrame,
        days: int,
        whole: WholeLog | None,
        *,
        has_labels: bool,
        seed: int,
        window_groups: IntArray | None = None,
    ) -> list[tuple[DriftStatistic, ColumnComparison, SampledDistance | None]]:
        """The same. `whole`: all rows of the log, if `current` is a sample of them.

        The thresholds are those of the sample: of more rows, chance explains a little less.
        """
        now = _columns(current)
        left = self.fit.residuals(now) if self.fit else {}
        found = [(one, self._counted(one, now, left)) for one in self.statistics]
        known = [(one, pair) for one, pair in found if (pair.reference >= 0).any() and (pair.current >= 0).any()]
        groups = None if self.groups is None else Groups(self.groups, window_groups)
        limits = self._by_chance(known, has_labels, seed, groups)
        histories = (_history(self.card.history, one, days) for one, _ in known)
        distances = [self._distance(one, pair, whole) for one, pair in known]
        return [
            (one, _compared(self.drift, one, found.value, limits[one.column], history), _sampled(one, found, whole))
            for (one, _), found, history in zip(known, distances, histories, strict=True)
        ]

    def _distance(self, statistic: DriftStatistic, pair: Counted, whole: WholeLog | None) -> Distance:
        """The distance of all rows if they were counted, else that of the window's rows."""
        if whole is None:
            return Distance(pair.distance(), 0.0)
        of_all = whole.distance(statistic, values_of(statistic, self.table, self.residuals))
        return of_all or Distance(pair.distance(), whole.reach(pair), is_sampled=True)

    def _by_chance(
        self, known: Sequence[tuple[DriftStatistic, Counted]], has_labels: bool, seed: int, groups: Groups | None
    ) -> dict[str, float]:
        """Each statistic's threshold of chance, by its column."""
        missing = [(one.column, pair) for one, pair in known if one.kind == "missing"]
        others = [(one.column, pair) for one, pair in known if one.kind != "missing"]
        rate, spent = self.drift.false_alarm_rate, OWN_TEST_SHARE * (bool(missing) + has_labels)
        limits: dict[str, float] = {}
        for columns, share in ((others, 1 - spent), (missing, OWN_TEST_SHARE)):
            if columns:
                found = by_chance([pair for _, pair in columns], rate * share, seed, groups)
                limits |= {name: float(limit) for (name, _), limit in zip(columns, found, strict=True)}
        return limits

    def _counted(self, statistic: DriftStatistic, now: Columns, residuals: Columns) -> Counted:
        before = values_of(statistic, self.table, self.residuals)
        return counted(statistic.method, before, values_of(statistic, now, residuals))


def baseline_of(drift: Drift, card: ModelCard, reference: pd.DataFrame, logged: Sequence[Feature]) -> Baseline:
    """The baseline of the logged features. If one is not logged, no feature is compared given the others."""
    table = _columns(reference)
    groups = groups_of(reference)
    fit = fit_others(table, logged, groups) if len(logged) == len(card.features) else None
    statistics = (*feature_statistics(drift, logged, fit), prediction_statistic(drift, card.task))
    return Baseline(drift, card, table, fit, fit.of_reference(table) if fit else {}, statistics, groups)


def groups_of(reference: pd.DataFrame) -> IntArray | None:
    """[rows]: the number of each row's group. None where the table was not split by groups."""
    return reference[CLUSTER_COLUMN].to_numpy(dtype=np.int64) if CLUSTER_COLUMN in reference else None


def compare(
    drift: Drift,
    card: ModelCard,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    answers: Answers,
    window_days: int,
    seed: int,
    window_groups: IntArray | None = None,
    whole: WholeLog | None = None,
) -> Compared:
    """Compare the logged features, the predictions, and the labels if there are any.

    reference, current: encoded alike, as reference.parquet. window_days: 0 if the table has no time. window_groups: the
    group of each row of `current`, None if unknown. whole: all rows of a log of which `current` is a sample. Of a
    column without any value on one side, only missing rates are compared.
    """
    logged = [feature for feature in card.features if feature.name in current]
    not_logged = tuple(feature.name for feature in card.features if feature.name not in current)
    if current.empty:
        return Compared(not_logged=not_logged)
    actual = _labels(answers)
    baseline = baseline_of(drift, card, reference, logged)
    has_labels = actual is not None
    found = baseline.compared_with_all(
        current, window_days, whole, has_labels=has_labels, seed=seed, window_groups=window_groups
    )
    statistics, columns, sampled = zip(*found, strict=True)
    groups = None
    if baseline.groups is not None:
        known = _is_known(answers)
        groups = Groups(baseline.groups, None if window_groups is None else window_groups[known])
    labels = None if actual is None else _label_shift(drift, card, reference, actual, window_days, seed, groups)
    return Compared(columns, statistics, labels, not_logged, tuple(one for one in sampled if one))


def _columns(table: pd.DataFrame) -> Columns:
    return {
        str(name): table[name].to_numpy(dtype=np.float64 if pd.api.types.is_numeric_dtype(table[name]) else object)
        for name in table
        if not pd.api.types.is_datetime64_any_dtype(table[name])
    }


def _history(history: Sequence[ColumnHistory], statistic: DriftStatistic, days: int) -> float | None:
    """The largest distance of earlier windows of this length, or of the next shorter one on record, which vary more."""
    for one in history:
        if (one.column, one.method) == (statistic.column, statistic.method) and one.largest:
            return one.largest[_nearest_length(one.largest, days)]
    return None


def _nearest_length(lengths: Mapping[int, float], days: int) -> int:
    return max((length for length in lengths if length <= days), default=min(lengths))


def _sampled(statistic: DriftStatistic, distance: Distance, whole: WholeLog | None) -> SampledDistance | None:
    if whole is None:
        return None
    return SampledDistance(column=statistic.column, reach=distance.reach, is_of_all_rows=not distance.is_sampled)


def _compared(
    drift: Drift, statistic: DriftStatistic, distance: float, limit: float, history: float | None
) -> ColumnComparison:
    historic = None if history is None else drift.historic_factor * history
    threshold = max(limit, statistic.effect, historic or 0.0)
    return ColumnComparison(
        column=statistic.column,
        kind="prediction" if statistic.source == PREDICTION_COLUMN else "feature",
        method=statistic.method,
        distance=distance,
        threshold=threshold,
        drifted=distance > threshold,
        by_chance=limit,
        historic=historic,
        effect=statistic.effect,
    )


def _labels(answers: Answers) -> "np.ndarray[tuple[int], np.dtype[np.object_]] | None":
    known = _is_known(answers)
    return answers.actual[known] if known.any() else None


def _is_known(answers: Answers) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.array([one is not None for one in answers.actual], dtype=bool)


def _label_shift(
    drift: Drift,
    card: ModelCard,
    reference: pd.DataFrame,
    actual: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    window_days: int,
    seed: int,
    groups: Groups | None,
) -> LabelComparison | None:
    """None if the reference has no target or there are fewer than drift.min_labels labels."""
    if card.target not in reference or len(actual) < drift.min_labels:
        return None
    statistic = label_statistic(drift, card.target, card.task)
    before, now = reference[card.target].to_numpy(), actual
    if card.task == "regression":
        before, now = before.astype(np.float64), now.astype(np.float64)
    else:
        before, now = before.astype(str), now.astype(str)
    one = counted(statistic.method, before, now)
    limit = float(by_chance([one], drift.false_alarm_rate * OWN_TEST_SHARE, seed, groups)[0])
    shift = _compared(drift, statistic, one.distance(), limit, _history(card.history, statistic, window_days))
    return LabelComparison(
        labels=len(now), method=shift.method, distance=shift.distance, threshold=shift.threshold, moved=shift.drifted
    )
