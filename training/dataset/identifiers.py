"""Left-out columns whose values repeat across the cut, such as a customer number: names them, refuses those that leak.

An identifier is no feature, so no other check looks at it. But where rows of one customer are in train and in the
holdout, a model can recognise the customer by other columns (an age, an income), and is judged on what it has seen: a
score of 1.000 where 0.485 is true. So data.json and the output of `make data` name each such column.

Where rows have no time, the column is tested too. Half of the values on both sides are drawn. A quick model learns from
equally many train rows with and without these values, and is scored on the holdout rows that have them. Where the score
falls significantly, by more than gate.max_error_reduction of the error, the cut is refused, and the message proposes
data.group. In a table with time the cut stays: production meets known customers again, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import LeftOut
from contracts.pipeline_toml.keys import Config, Data, Gate
from training.dataset.splits import Cut
from training.refusals import UnfitTableError, toml_value
from training.statistics.intervals import paired_difference
from training.statistics.metrics import METRICS, FloatArray, ScoringError
from training.statistics.scores import score
from training.tables import Integers, Table

# A column of fewer values is a category; one with a different value in every row ties nothing together.
FEWEST_VALUES = 20
LEAST_SHARE = 0.01
MOST_ROWS = 20_000
FEWEST_ROWS = 100
CONFIDENCE = 0.995
NONE = -1


@dataclass(frozen=True)
class RepeatedColumn:
    """A left-out column, the share of the holdout rows whose value is in train too, and its codes in both tables."""

    column: str
    share: float
    train: Integers
    holdout: Integers


@dataclass(frozen=True)
class LeakTest:
    """A quick model's score on values that it has seen in training (`known`), and on the same unseen (`unknown`)."""

    known: float
    unknown: float
    leaks: bool


def repeated_identifiers(table: pd.DataFrame, cut: Cut, left_out: Sequence[LeftOut]) -> list[RepeatedColumn]:
    """Every left-out column that may say which rows belong together. `table`: all rows of the source."""
    found = []
    for column in (one.column for one in left_out):
        values = table[column]
        if pd.api.types.is_float_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
            continue
        try:
            codes = pd.factorize(values)[0].astype(np.int64)
        except TypeError:  # lists and the like
            continue
        train, holdout = codes[cut.rows["train"]], codes[cut.rows["holdout"]]
        known = np.unique(train[train != NONE])
        share = float(np.isin(holdout, known).mean())
        if len(known) >= FEWEST_VALUES and share >= LEAST_SHARE:
            found.append(RepeatedColumn(column, share, train, holdout))
    return found


def with_repeats(left_out: Sequence[LeftOut], found: Sequence[RepeatedColumn], data: Data) -> tuple[LeftOut, ...]:
    """The reasons, with a note at each column whose values repeat across the cut."""
    notes = {one.column: _note(one, data) for one in found}
    return tuple(LeftOut(column=one.column, reason=one.reason + notes.get(one.column, "")) for one in left_out)


def _note(one: RepeatedColumn, data: Data) -> str:
    seen = f", and {one.share:.0%} of the holdout rows have a value that train has"
    if one.column == data.group:
        return seen
    return f"{seen}: if it says which rows belong together, set {_group(one.column, data)}"


def _group(column: str, data: Data) -> str:
    """The line to write, which replaces one that is there."""
    other = f" in place of {toml_value(data.group)}" if data.group else ""
    return f"data.group = {toml_value(column)}{other}"


def refuse_leaking_identifiers(found: Sequence[RepeatedColumn], train: Table, holdout: Table, config: Config) -> None:
    """Raises UnfitTableError for the first column whose values carry the answer across the cut."""
    for one in found:
        words = f"{one.column} on both sides"
        test = None if words in config.gate.signed_off else leak_test(one, train, holdout, config)
        if test is not None and test.leaks:
            raise UnfitTableError(
                f"{one.share:.0%} of the holdout rows have a {one.column} that train has, and it tells the answer: a "
                f"quick model's {config.gate.metric} falls from {test.known:.3f} to {test.unknown:.3f} on those that "
                f"it has not seen. Rows of one {one.column} belong on one side: set {_group(one.column, config.data)}. "
                f"If production knows them too, write {toml_value(words)} into gate.signed_off.",
                code="identifier-leaks",
            )


def leak_test(one: RepeatedColumn, train: Table, holdout: Table, config: Config) -> LeakTest | None:
    """The two scores. None where too few rows are left to learn from or to score."""
    random = np.random.default_rng(config.data.seed)
    both = np.intersect1d(one.train[one.train != NONE], one.holdout)
    drawn = random.permutation(both)[: -(-len(both) // 2)]
    without = np.flatnonzero(~np.isin(one.train, drawn))
    scored = np.flatnonzero(np.isin(one.holdout, drawn))
    if min(len(without), len(scored)) < FEWEST_ROWS:
        return None
    size = min(len(without), MOST_ROWS)
    learned = [random.permutation(rows)[:size] for rows in (np.arange(len(one.train)), without)]
    if train.manifest.classes and any(
        len(np.unique(train.truth[rows])) < len(train.manifest.classes) for rows in learned
    ):
        return None
    predictions = [_predictions(train.take(np.sort(rows)), holdout.take(scored)) for rows in learned]
    return _compared(config.gate, holdout.take(scored).truth, predictions, one.holdout[scored])


def _compared(
    gate: Gate, truth: Integers | FloatArray, predictions: Sequence[FloatArray], clusters: npt.NDArray[np.int64]
) -> LeakTest | None:
    sign = 1 if METRICS[gate.metric].higher_is_better else -1
    best = METRICS[gate.metric].highest if sign > 0 else METRICS[gate.metric].lowest
    with_values, without = predictions
    try:
        known, unknown = (score(gate.metric, truth, one, threshold=0.5) for one in predictions)
        difference = paired_difference(
            gate.metric, truth, with_values, without, clusters, confidence=CONFIDENCE, threshold=(0.5, 0.5)
        )
    except ScoringError:
        return None
    gain = difference.low if sign > 0 else -difference.high
    return LeakTest(known, unknown, leaks=gain > max(gate.margin, gate.max_error_reduction * abs(best - unknown)))


def _predictions(train: Table, holdout: Table) -> FloatArray:
    """[rows, classes] or [rows]."""
    # scikit-learn takes longer to import than a table with time, which needs none of it, takes to be cut.
    from training.fitting.quick_model import quick_model
    from training.fitting.search import one_thread

    model, rows = quick_model(train), holdout.matrix(train.manifest.features)
    with one_thread():
        predicted = model.predict(rows) if train.manifest.task == "regression" else model.predict_proba(rows)
    return np.asarray(predicted, dtype=np.float64)
