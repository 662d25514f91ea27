"""Slices: gate.metric on the rows where a column has one value, so that an average gain does not hide a loss for a few.

A slice is judged if it has gate.slice_min_rows rows, every class and two clusters; others are only shown. With m slices
judged, each bound is at confidence 1 - (1 - gate.confidence) / m (Bonferroni), so that m slices together raise as few
false alarms as one. The number of evaluations on the holdout plays no part: a stricter bound would find fewer losses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.decision import SliceComparison
from contracts.exits import UsageError
from contracts.features import MISSING
from contracts.pipeline_toml.keys import Gate
from training.judging.comparisons import PairedPredictions, as_interval
from training.judging.formatting import rounded
from training.judging.gate import slice_outcome_of
from training.refusals import nearest
from training.statistics.metrics import METRICS, ScoringError

MOST_VALUES = 500
MOST_NUMBERS = 50


class SliceError(UsageError):
    """gate.slices names a column that cannot be cut into slices."""


@dataclass(frozen=True)
class Slice:
    """The rows where `column` is `value`."""

    column: str
    value: str
    rows: npt.NDArray[np.intp]
    paired: PairedPredictions


@dataclass(frozen=True)
class SliceFigures:
    """`unmeasured`: slices on which the metric is undefined, for example because a class has no rows."""

    slices: tuple[SliceComparison, ...] = ()
    judged: int = 0
    unmeasured: tuple[str, ...] = ()


def refuse_impossible_slices(gate: Gate, manifest: DataManifest, frame: pd.DataFrame) -> None:
    """Raises SliceError for a column that the tables do not have, for the target, and for one with too many values."""
    cuttable = [name for name in frame.columns if name not in (manifest.target, manifest.time)]
    for column in gate.slices:
        if column not in cuttable:
            raise SliceError(
                f"gate.slices names {column!r}, which is no feature of the tables.{nearest(column, cuttable)} "
                "Change gate.slices in pipeline.toml.",
                code="unknown-slice",
            )
        most = MOST_NUMBERS if pd.api.types.is_numeric_dtype(frame[column]) else MOST_VALUES
        values = frame[column].nunique()
        if values > most:
            raise SliceError(
                f"gate.slices names {column!r}, which has {values:,} values; required: at most {most}. "
                "Name a category or a boolean in gate.slices in pipeline.toml."
            )


def compare_slices(paired: PairedPredictions, frame: pd.DataFrame, gate: Gate, *, has_champion: bool) -> SliceFigures:
    """Every value of every column in gate.slices, in the order of columns and values. frame: [rows] of the paired."""
    slices = [one for column in gate.slices for one in _cut(paired, frame[column])]
    judged = sum(_is_judged(one, gate) for one in slices)
    confidence = 1 - (1 - gate.confidence) / max(1, judged)
    measured, unmeasured = [], []
    for one in slices:
        try:
            measured.append(_compare(one, gate, confidence, has_champion=has_champion))
        except ScoringError:
            unmeasured.append(f"{one.column} {one.value}")
    return SliceFigures(tuple(measured), judged, tuple(unmeasured))


def _cut(paired: PairedPredictions, values: "pd.Series[Any]") -> Iterator[Slice]:
    codes, distinct = pd.factorize(values, sort=True, use_na_sentinel=True)
    order = np.argsort(codes, kind="stable")  # missing values have code -1 and come first
    borders = np.searchsorted(codes[order], np.arange(-1, len(distinct) + 1))
    for code, (start, end) in enumerate(pairwise(borders), start=-1):
        if start < end:
            name = MISSING if code < 0 else _named(distinct[code])
            yield Slice(str(values.name), name, order[start:end], paired.on(order[start:end]))


def _named(value: object) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _is_judged(one: Slice, gate: Gate) -> bool:
    paired = one.paired
    if len(one.rows) < gate.slice_min_rows or paired.champion is None:
        return False
    if paired.clusters is not None and len(np.unique(paired.clusters)) < 2:
        return False
    return _has_every_class(paired) or not METRICS[gate.metric].needs_every_class


def _has_every_class(paired: PairedPredictions) -> bool:
    predicted = paired.challenger.predicted
    return predicted.ndim == 1 or len(np.unique(paired.truth)) == int(predicted.shape[1])


def _compare(one: Slice, gate: Gate, confidence: float, *, has_champion: bool) -> SliceComparison:
    paired, champion = one.paired, one.paired.champion
    shown = SliceComparison(
        column=one.column,
        value=one.value,
        rows=len(one.rows),
        challenger=rounded(paired.value(gate.metric, paired.challenger)),
        champion=None if champion is None else rounded(paired.value(gate.metric, champion)),
        outcome="inconclusive" if has_champion else "no champion",
    )
    if champion is None or not _is_judged(one, gate):
        return shown
    difference = as_interval(paired.difference(gate.metric, champion, confidence))
    higher = METRICS[gate.metric].higher_is_better
    outcome = slice_outcome_of(difference, gate.slice_margin, higher_is_better=higher)
    return shown.model_copy(update={"difference": difference, "outcome": outcome})
