"""A left-out column whose values stand on both sides of the cut: perhaps it says which rows belong together.

An identifier is no feature, so nobody looks at it any more. But where it names a customer, and the customer's rows are
in train and in the holdout, a model that knows the customer by other columns (an age, an income) is judged on what it
has seen: 1.000 where 0.485 is true. So each such column is named in data.json and in what `make data` prints.

Where rows have no time, the column is tried as well. Of the values that stand on both sides half are drawn; a quick
model learns from as many train rows with and without them, and is judged on the holdout's rows of these values. Where
it falls by more than gate.max_error_reduction of its error, significantly, the cut is refused: data.group names the
column. In a table with time a known customer comes again in production too, and the cut is as it will be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import LeftOut
from contracts.pipeline_toml.keys import Config, Gate
from training.dataset.splits import Cut
from training.fitting.quick_model import quick_model
from training.fitting.search import one_thread
from training.refusals import UnfitTableError, toml_value
from training.statistics.intervals import paired_difference
from training.statistics.metrics import METRICS, FloatArray, ScoringError, score
from training.tables import Integers, Table

# A column of fewer values is a category, and a value of its own in every row ties nothing together.
FEWEST_VALUES = 20
LEAST_SHARE = 0.01
MOST_ROWS = 20_000
FEWEST_ROWS = 100
CONFIDENCE = 0.995
NONE = -1


@dataclass(frozen=True)
class Repeated:
    """A left-out column, the share of the holdout rows whose value stands in train, and its codes in both tables."""

    column: str
    share: float
    train: Integers
    holdout: Integers


@dataclass(frozen=True)
class Tried:
    """What a quick model reaches with and without the train rows of the values that it is judged on."""

    known: float
    unknown: float
    tells: bool


def repeated_identifiers(table: pd.DataFrame, cut: Cut, left_out: Sequence[LeftOut]) -> list[Repeated]:
    """Every left-out column that may name what rows have in common. `table`: all rows of the source."""
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
            found.append(Repeated(column, share, train, holdout))
    return found


def noted(left_out: Sequence[LeftOut], found: Sequence[Repeated]) -> tuple[LeftOut, ...]:
    """The reasons, and for these columns that they repeat."""
    words = {
        one.column: f", and {one.share:.0%} of the holdout rows have a value that train has: if it says which rows "
        f"belong together, set data.group = {toml_value(one.column)}"
        for one in found
    }
    return tuple(LeftOut(column=one.column, reason=one.reason + words.get(one.column, "")) for one in left_out)


def refuse_told(found: Sequence[Repeated], train: Table, holdout: Table, config: Config) -> None:
    """Raises UnfitTableError for the first column whose values carry the answer over the cut."""
    for one in found:
        words = f"{one.column} on both sides"
        tried = None if words in config.gate.signed_off else try_without(one, train, holdout, config)
        if tried is not None and tried.tells:
            raise UnfitTableError(
                f"{one.share:.0%} of the holdout rows have a {one.column} that train has, and it tells the answer: a "
                f"quick model's {config.gate.metric} falls from {tried.known:.3f} to {tried.unknown:.3f} on those that "
                f"it has not seen. Rows of one {one.column} belong on one side: set data.group = "
                f"{toml_value(one.column)}. If production knows them too, write {toml_value(words)} into "
                "gate.signed_off."
            )


def try_without(one: Repeated, train: Table, holdout: Table, config: Config) -> Tried | None:
    """None where too few rows are left to learn from or to judge by."""
    random = np.random.default_rng(config.data.seed)
    both = np.intersect1d(one.train[one.train != NONE], one.holdout)
    drawn = random.permutation(both)[: -(-len(both) // 2)]
    strangers = np.flatnonzero(~np.isin(one.train, drawn))
    judged = np.flatnonzero(np.isin(one.holdout, drawn))
    if min(len(strangers), len(judged)) < FEWEST_ROWS:
        return None
    size = min(len(strangers), MOST_ROWS)
    learned = [random.permutation(rows)[:size] for rows in (np.arange(len(one.train)), strangers)]
    if train.manifest.classes and any(
        len(np.unique(train.truth[rows])) < len(train.manifest.classes) for rows in learned
    ):
        return None
    answers = [_answers(train.take(np.sort(rows)), holdout.take(judged)) for rows in learned]
    return _compared(config.gate, holdout.take(judged).truth, answers, one.holdout[judged])


def _compared(
    gate: Gate, truth: Integers | FloatArray, answers: Sequence[FloatArray], clusters: npt.NDArray[np.int64]
) -> Tried | None:
    sign = 1 if METRICS[gate.metric].higher_is_better else -1
    best = METRICS[gate.metric].highest if sign > 0 else METRICS[gate.metric].lowest
    try:
        known, unknown = (score(gate.metric, truth, one, threshold=0.5) for one in answers)
        difference = paired_difference(
            gate.metric, truth, answers[0], answers[1], clusters, confidence=CONFIDENCE, threshold=(0.5, 0.5)
        )
    except ScoringError:
        return None
    gain = difference.low if sign > 0 else -difference.high
    return Tried(known, unknown, tells=gain > max(gate.margin, gate.max_error_reduction * abs(best - unknown)))


def _answers(train: Table, holdout: Table) -> FloatArray:
    """[rows, classes] or [rows]."""
    model, rows = quick_model(train), holdout.matrix(train.manifest.features)
    with one_thread():
        said = model.predict(rows) if train.manifest.task == "regression" else model.predict_proba(rows)
    return np.asarray(said, dtype=np.float64)
