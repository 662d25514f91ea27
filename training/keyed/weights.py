"""The column of training.weights: how much each row counts, as the source has it. It is never a feature."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import TableName
from contracts.pipeline_toml.keys import Config
from training.dataset.column_values import example_of, shape_of, to_numbers
from training.dataset.splits import Cut
from training.dataset.targets import Target
from training.refusals import SettingError, UnfitTableError, nearest

Numbers = npt.NDArray[np.float64]
JUDGED: tuple[TableName, ...] = ("train", "holdout")


def refuse_wrong_weights(table: pd.DataFrame, config: Config) -> None:
    """Raises where training.weights names no column of the table, or one that has another part to play, or where a row
    that has an answer has no weight of 0 or more. `table`: with the source's rows, all of them."""
    name, data = config.training.weights, config.data
    if name is None:
        return
    if name not in table.columns:
        raise SettingError(
            f"training.weights = {name!r} is no column of {data.source}.{nearest(name, table.columns)}",
            code="unknown-column",
        )
    if name in (data.target, data.time, data.group):
        raise SettingError(
            f"training.weights = {name!r} is data.target, data.time or data.group too; it can be only one of them.",
            code="key-twice",
        )
    if shape_of(table[name]) not in ("numeric", "boolean"):
        seen = example_of(table[name])
        raise SettingError(
            f"training.weights = {name!r} has values such as {seen}; required: numbers of 0 or more.",
            code="not-numeric",
        )
    values = to_numbers(table[name])
    is_wrong = ~(np.isfinite(values) & (values >= 0)) & table[data.target].notna().to_numpy()
    if is_wrong.any():
        first = int(is_wrong.argmax())
        seen = "none" if np.isnan(values[first]) else f"{values[first]:g}"
        raise UnfitTableError(
            f"training.weights = {name!r}: {int(is_wrong.sum()):,} of {len(values):,} rows have no weight that can "
            f"count, the first is row {first + 1} with {seen}; required: a number of 0 or more in each row with an "
            "answer. A row that is not to count has a weight of 0.",
            code="bad-weights",
        )


def refuse_weightless(weights: Numbers, target: Target, cut: Cut, name: str) -> None:
    """Raises where nothing counts in train or holdout, or no row of a class. `weights`: [rows]."""
    for table in JUDGED:
        rows = cut.rows[table]
        whole = [("", np.ones(len(rows), dtype=bool))]
        classes = [(f" of class {label!r}", target.values[rows] == code) for code, label in enumerate(target.classes)]
        for whose, mine in (*whole, *classes):
            if mine.any() and not weights[rows][mine].any():
                raise UnfitTableError(
                    f"training.weights = {name!r}: the weights of {table}'s {int(mine.sum()):,} rows{whose} sum to 0, "
                    f"the first is row {int(rows[mine.argmax()]) + 1} of those with an answer; required: more than 0. "
                    "Cut otherwise, or correct the column.",
                    code="weightless",
                )
