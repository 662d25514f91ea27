"""Reads the target column: class names as text for classification, float64 for regression.

Booleans become "false" and "true", whole numbers "0", "1", …; classes are sorted as text. Rows without a target are
dropped and counted. Where they are more than half, the table is refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from contracts.features import RARE
from contracts.pipeline_toml.keys import Data
from training.dataset.column_values import ColumnShape, example_of, shape_of, text_codes, to_numbers, to_text
from training.dataset.preparation.spellings import class_notes
from training.dataset.table_checks import refuse_infinite
from training.dataset.table_digest import ArrowColumn
from training.refusals import SettingError, UnfitTableError, listed

MAX_CLASSES = 100
MAX_MISSING_SHARE = 0.5


@dataclass(frozen=True)
class Target:
    """The target of all rows. `values`: [rows], codes into `classes`, or float64 where there are no classes.

    `notes`: a line where classes differ only in their spelling.
    """

    values: npt.NDArray[Any]
    classes: tuple[str, ...]
    positive: str
    notes: tuple[str, ...] = ()

    def column(self) -> ArrowColumn:
        """The target as the tables have it: text or float64."""
        if not self.classes:
            return pa.array(self.values)
        return pa.array(self.classes, type=pa.large_string()).take(pa.array(self.values))


def drop_unanswered(table: pd.DataFrame, data: Data) -> tuple[pd.DataFrame, int]:
    """The rows that have a target, and how many had none. Raises UnfitTableError where these are more than half."""
    answered = table[data.target].notna()
    missing = len(table) - int(answered.sum())
    if missing > MAX_MISSING_SHARE * len(table):
        raise UnfitTableError(
            f"{missing:,} of {len(table):,} rows have no value of {data.target!r}, more than half. "
            "Check data.target, or leave rows without a target out of the source.",
            code="target-missing",
        )
    return (table[answered].reset_index(drop=True) if missing else table), missing


def read_target(values: "pd.Series[Any]", data: Data) -> Target:
    """The target of a task. `values`: [rows], none missing. Raises where the column does not fit the task."""
    shape = shape_of(values)
    if data.task == "regression":
        return _regression(values, shape, data)
    if data.task == "binary" or data.task == "multiclass":
        return _classification(values, shape, data)
    raise AssertionError(data.task)


def _regression(values: "pd.Series[Any]", shape: ColumnShape, data: Data) -> Target:
    if data.positive:
        raise SettingError(
            f"data.positive = {data.positive!r} is for binary tasks: take it out for a regression.",
            code="positive-not-binary",
        )
    if shape != "numeric":
        raise SettingError(
            f"data.task is regression, but {data.target!r} holds {shape} values such as {example_of(values)}. "
            "Name a numeric column in data.target, or make data.task binary or multiclass.",
            code="other-task",
        )
    numbers = to_numbers(values)
    with np.errstate(over="ignore"):
        refuse_infinite(data.target, numbers.astype(np.float32))
    if numbers.min() == numbers.max():
        raise UnfitTableError(
            f"{data.target!r} is {numbers[0]:g} in every row: there is nothing to learn.", code="constant-target"
        )
    return Target(numbers, (), "")


def _classification(values: "pd.Series[Any]", shape: ColumnShape, data: Data) -> Target:
    if shape not in ("boolean", "numeric", "text"):
        raise SettingError(
            f"{data.target!r} holds {shape} values; required: text, booleans or whole numbers.", code="target-kind"
        )
    if shape == "numeric":
        _refuse_fractions(to_numbers(values), data)
    distinct, codes = text_codes(to_text(values))
    classes = tuple(sorted(distinct))
    counts = dict(zip(distinct, np.bincount(codes, minlength=len(distinct)).tolist(), strict=True))
    notes = tuple(class_notes(data.target, counts))
    _refuse_wrong_number(classes, data, notes)
    positions = {name: position for position, name in enumerate(classes)}
    return Target(np.array([positions[name] for name in distinct])[codes], classes, _positive(classes, data), notes)


def _refuse_fractions(numbers: npt.NDArray[np.float64], data: Data) -> None:
    refuse_infinite(data.target, numbers)
    fractions = numbers[numbers != np.floor(numbers)]
    if len(fractions):
        raise SettingError(
            f"data.task is {data.task}, but {data.target!r} has values such as {fractions[0]:g}: "
            "this looks like regression. Set data.task.",
            code="other-task",
        )


def _refuse_wrong_number(classes: tuple[str, ...], data: Data, notes: Sequence[str]) -> None:
    count = len(classes)
    if count == 1:
        raise UnfitTableError(
            f"{data.target!r} has one class only, {classes[0]!r}: there is nothing to learn.", code="one-class"
        )
    if count > MAX_CLASSES:
        raise SettingError(
            f"{data.target!r} has {count:,} different values, at most {MAX_CLASSES} can be classes: "
            "this looks like regression, or like an identifier. Set data.task or data.target.",
            code="other-task",
        )
    if data.task == "binary" and count != 2:
        hints = "".join(f"{note}. Otherwise: " for note in notes) + _if_absent(classes, data)
        raise SettingError(
            f"data.task is binary, but {data.target!r} has {count} classes ({listed(classes)}). "
            f"{hints}Set data.task to multiclass.",
            code="other-task",
        )
    if data.task == "multiclass" and count == 2:
        raise SettingError(
            f"data.task is multiclass, but {data.target!r} has two classes. Set data.task to binary.", code="other-task"
        )


def _if_absent(classes: tuple[str, ...], data: Data) -> str:
    """What to set where some classes read like a missing value, such as NA, and two others are left."""
    absent = [name for name in classes if name in data.csv.missing_numbers]
    if len(classes) - len(absent) != 2:
        return ""
    missing = json.dumps([*data.csv.missing, *absent], ensure_ascii=False)
    return f"If {listed(absent)} means that there is no answer: data.csv.missing = {missing}. Otherwise: "


def _if_merged(classes: tuple[str, ...], data: Data) -> str:
    """Where the class may have gone, if pipeline.toml treats rare classes."""
    if not data.drop_classes_below and not data.merge_classes_below:
        return ""
    keys = f"data.drop_classes_below = {data.drop_classes_below}, merge_classes_below = {data.merge_classes_below}"
    into = f" A class that was merged is {RARE!r} here." if RARE in classes else ""
    return f" Rare classes are treated before ({keys}): lower these limits if it is one of them.{into}"


def _positive(classes: tuple[str, ...], data: Data) -> str:
    if data.task == "multiclass":
        if data.positive:
            raise SettingError(
                f"data.positive = {data.positive!r} is for binary tasks: take it out.", code="positive-not-binary"
            )
        return ""
    if data.positive and data.positive not in classes:
        raise SettingError(
            f"data.positive = {data.positive!r} is no class of {data.target!r}, which has {listed(classes)}."
            f"{_if_merged(classes, data)}",
            code="unknown-class",
        )
    return data.positive or classes[-1]
