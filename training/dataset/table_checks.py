"""Refuses tables with bad names, repeated rows, infinite values, too few rows, or too few rows of a class.

Each check is a function that returns nothing, or raises UnfitTableError or SettingError with what was seen.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN
from contracts.features import RARE
from contracts.model_folder import PREDICTION_COLUMN
from contracts.pipeline_toml.keys import Data
from training.refusals import SettingError, UnfitTableError, listed, nearest

RESERVED = {
    CLUSTER_COLUMN: "the tables of build/data keep the cluster of each row under it",
    PREDICTION_COLUMN: "reference.parquet keeps the model's predictions under it",
}
MAX_NAME_LENGTH = 100
MIN_HOLDOUT_ROWS_OF_A_CLASS = 10


def refuse_bad_names(names: Sequence[object], where: str) -> None:
    """Column names must be unique, printable texts of 1 to 100 characters."""
    for position, name in enumerate(names, start=1):
        if not isinstance(name, str):
            raise UnfitTableError(
                f"{where}: column {position} is named {name!r}; required: a name that is text.", code="bad-name"
            )
        if not name.strip():
            raise UnfitTableError(
                f"{where}: column {position} has no name. A CSV written with its index has one: "
                "write it without (pandas: index=False, R: row.names=FALSE), or give the column a name.",
                code="bad-name",
            )
        if not name.isprintable() or name != name.strip() or len(name) > MAX_NAME_LENGTH:
            raise UnfitTableError(
                f"{where}: column {position} is named {name[:MAX_NAME_LENGTH]!r}; required: printable characters, "
                f"no space at either end, at most {MAX_NAME_LENGTH} of them.",
                code="bad-name",
            )
    repeated = [str(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UnfitTableError(
            f"{where} has more than one column named {listed(repeated)}. Rename or remove the others.",
            code="column-twice",
        )


def refuse_wrong_roles(columns: Sequence[str], data: Data) -> None:
    """Target, time and group must be columns of the table, and the target must differ from the others."""
    for key, name in (("target", data.target), ("time", data.time), ("group", data.group)):
        if name and name not in columns:
            raise SettingError(
                f"data.{key} = {name!r} is no column of {data.source}.{nearest(name, columns)}", code="unknown-column"
            )
    if data.target in (data.time, data.group):
        raise SettingError(
            f"data.target = {data.target!r} is data.time or data.group too; it can be only one of them.",
            code="key-twice",
        )


def refuse_reserved_names(names: Sequence[str]) -> None:
    """No feature, target or time column may have a name that the pipeline itself writes."""
    for name in names:
        if name in RESERVED:
            raise SettingError(
                f"a column in use is named {name!r}, which is reserved: {RESERVED[name]}. "
                "Rename it in the source, or list it under features.exclude.",
                code="reserved-name",
            )


def refuse_infinite(name: str, values: npt.NDArray[np.floating]) -> None:
    """Numbers must be finite or missing, also as float32. `values`: [rows]."""
    infinite = np.isinf(values)
    if infinite.any():
        raise UnfitTableError(
            f"column {name!r} has {int(infinite.sum())} infinite values, or values beyond what float32 holds (3.4e38), "
            f"the first in row {int(infinite.argmax()) + 1}. "
            "Correct them in the source, or list the column under features.exclude.",
            code="infinite-values",
        )


def refuse_too_few_rows(rows: Mapping[str, int], data: Data) -> None:
    """Each table must be large enough: `rows` counts those of train, holdout and replay."""
    place = f"Cut at data.as_of = {data.as_of}" if data.time else "Cut by data.holdout_share and data.replay_share"
    for table, key, required in (
        ("train", "min_train_rows", data.min_train_rows),
        ("holdout", "min_holdout_rows", data.min_holdout_rows),
    ):
        if rows[table] < required:
            raise UnfitTableError(
                f"{table} has {rows[table]:,} rows, data.{key} requires {required:,}. {place}. "
                f"Bring more rows, change the cut, or lower data.{key} and expect wider intervals.",
                code="few-rows",
            )
    if rows["replay"] == 0:
        raise UnfitTableError(
            f"replay has no rows, so load-test and drift would have no traffic. {place}. "
            f"{'Move data.as_of back, so that rows are at or after it.' if data.time else 'Raise data.replay_share.'}",
            code="no-replay",
        )


def refuse_repeated_rows(table: pd.DataFrame, data: Data) -> None:
    """At most data.max_repeated_rows of the rows may equal an earlier one in every column of the source."""
    share = float(_readable(table).duplicated().mean())
    if share > data.max_repeated_rows:
        raise UnfitTableError(
            f"{100 * share:.1f} % of the {len(table):,} rows repeat an earlier one in every column; required: at most "
            f"{100 * data.max_repeated_rows:g} % (data.max_repeated_rows in pipeline.toml). Was it loaded twice? Take "
            "them out of the source; if equal rows are different cases, raise data.max_repeated_rows.",
            code="repeated-rows",
        )


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table with lists, arrays and the like as text: pandas cannot compare them."""
    shown = {name: column.map(repr) for name, column in table.items() if not _has_scalars(column)}
    return table.assign(**{str(name): column for name, column in shown.items()})


def _has_scalars(column: "pd.Series[Any]") -> bool:
    if column.dtype != object:
        return True
    return all(isinstance(value, Hashable) for value in column)


def refuse_scarce_classes(classes: Sequence[str], codes: Mapping[str, npt.NDArray[np.integer]], data: Data) -> None:
    """Train and holdout must have rows of every class. `codes`: the class of each row, by table."""
    counts = {table: np.bincount(of_rows, minlength=len(classes)) for table, of_rows in codes.items()}
    if np.count_nonzero(counts["train"]) == 1:
        only = classes[int(counts["train"].argmax())]
        raise UnfitTableError(
            f"train has one class only, {only!r}: there is nothing to learn. Check the cut and data.target.",
            code="one-class",
        )
    for code, name in enumerate(classes):
        rows = {table: int(count[code]) for table, count in counts.items()}
        without = _without_class(name, rows, data) if len(classes) > 2 else ""
        unseen = [table for table in ("holdout", "replay") if rows[table] and not rows["train"]]
        if unseen:
            cut = "Move data.as_of later" if data.time else "Lower data.holdout_share or data.replay_share"
            raise UnfitTableError(
                f"class {name!r} is in {unseen[0]} ({rows[unseen[0]]:,} rows), but never in train: no model can know "
                f"it. {cut}, so that train has it{without}.",
                code="unseen-class",
            )
        if rows["holdout"] < MIN_HOLDOUT_ROWS_OF_A_CLASS:
            raise UnfitTableError(
                f"class {name!r} has {rows['holdout']} rows in the holdout, required: at least "
                f"{MIN_HOLDOUT_ROWS_OF_A_CLASS}, because a figure of fewer says nothing. "
                f"{_other_holdout(rows, data)}{without}.",
                code="rare-class",
            )


def _other_holdout(rows: Mapping[str, int], data: Data) -> str:
    """How to cut so that the holdout has more rows of a class. `rows`: of the class, by table."""
    if not data.time:
        return "Raise data.holdout_share"
    if not rows["holdout"] and not rows["replay"]:
        return "If the class has vanished, move data.as_of back to when the holdout still has it"
    return "Move data.as_of so that the holdout has more of it, or raise data.holdout_days"


def _without_class(name: str, rows: Mapping[str, int], data: Data) -> str:
    """Which key takes a class out. `(rare)` is none of the source's: the keys that treat its classes are named."""
    limit = sum(rows.values()) + 1
    if name == RARE and data.merge_classes_below:
        return (
            f". {RARE!r} holds all classes with fewer than data.merge_classes_below = {data.merge_classes_below} rows: "
            f"raise that limit, so that it has more rows, or leave its classes out by "
            f"data.drop_classes_below = {data.merge_classes_below}"
        )
    return (
        f". Or leave the class out by data.drop_classes_below = {limit}, or merge it with other rare classes by "
        f"data.merge_classes_below = {limit}"
    )
