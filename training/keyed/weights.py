"""Checks the column of training.weights: how much each row counts. It is never a feature."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import TableName
from contracts.pipeline_toml.keys import Config, Data
from training.dataset.column_values import example_of, shape_of, to_numbers
from training.dataset.splits import Cut
from training.dataset.targets import Target
from training.refusals import SettingError, UnfitTableError, nearest

Numbers = npt.NDArray[np.float64]
JUDGED: tuple[TableName, ...] = ("train", "holdout")


def refuse_wrong_weights(table: pd.DataFrame, config: Config) -> None:
    """Raises where the weights are no usable column, or a row with a target has none. `table`: all of the source."""
    name, data = config.training.weights, config.data
    if name is None:
        return
    _refuse_wrong_column(name, table, data)
    values = to_numbers(table[name])
    is_wrong = ~(np.isfinite(values) & (values >= 0)) & table[data.target].notna().to_numpy()
    if is_wrong.any():
        first = int(is_wrong.argmax())
        seen = "none" if np.isnan(values[first]) else f"{values[first]:g}"
        raise UnfitTableError(
            f"training.weights = {name!r}: {int(is_wrong.sum()):,} of {len(values):,} rows have no weight that can "
            f"count, the first is row {first + 1} with {seen}; required: a number of 0 or more in each row with a "
            "target. A row that is not to count has a weight of 0.",
            code="bad-weights",
        )


def _refuse_wrong_column(name: str, table: pd.DataFrame, data: Data) -> None:
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


def refuse_weightless(weights: Numbers, target: Target, cut: Cut, name: str) -> None:
    """Raises where all weights of train or holdout are 0, or all of a class there. `weights`: [rows]."""
    for table in JUDGED:
        rows = cut.rows[table]
        whole = [("", np.ones(len(rows), dtype=bool))]
        classes = [(f" of class {label!r}", target.values[rows] == code) for code, label in enumerate(target.classes)]
        for of_class, is_in in (*whole, *classes):
            if is_in.any() and not weights[rows][is_in].any():
                raise UnfitTableError(
                    f"training.weights = {name!r}: the weights of {table}'s {int(is_in.sum()):,} rows{of_class} sum to "
                    f"0, the first is row {int(rows[is_in.argmax()]) + 1} of those with a target; required: more than "
                    "0. Change the cut, or correct the column.",
                    code="weightless",
                )
