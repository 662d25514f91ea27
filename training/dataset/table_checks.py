"""What a table must not be: badly named, loaded twice, infinite, or too small to judge a model by.

Every check is a function that returns nothing, or raises UnfitTableError or SettingError with what was seen.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN
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
    """Column names must be text, printable, not empty, of at most 100 characters, and each there once."""
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
    """Target, time and group must be columns of the table, and the target none of the others."""
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
                f"a column in use is named {name!r}, a name that is taken: {RESERVED[name]}. "
                "Rename it in the source, or list it under features.exclude.",
                code="reserved-name",
            )


def refuse_infinite(name: str, values: npt.NDArray[np.floating]) -> None:
    """Numbers must be finite or missing, also once they are float32. `values`: [rows]."""
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
                f"Bring more rows, cut otherwise, or lower data.{key} and expect wider intervals.",
                code="few-rows",
            )
    if rows["replay"] == 0:
        raise UnfitTableError(
            f"replay has no rows, so load-test and drift would have no traffic. {place}. "
            f"{'Move data.as_of back, so that rows lie at or after it.' if data.time else 'Raise data.replay_share.'}",
            code="no-replay",
        )


def refuse_repeated_rows(table: pd.DataFrame, data: Data) -> None:
    """No more than data.max_repeated_rows of the rows may be an earlier one again, in every column of the source."""
    share = float(_readable(table).duplicated().mean())
    if share > data.max_repeated_rows:
        raise UnfitTableError(
            f"{100 * share:.1f} % of the {len(table):,} rows repeat an earlier one in every column; required: at most "
            f"{100 * data.max_repeated_rows:g} % (data.max_repeated_rows in pipeline.toml). Was a load run twice? Take "
            "them out of the source; if equal rows are different cases, raise data.max_repeated_rows.",
            code="repeated-rows",
        )


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Lists, arrays and the like, of which pandas cannot say whether two are equal, as text."""
    shown = {name: column.map(repr) for name, column in table.items() if not _has_scalars(column)}
    return table.assign(**{str(name): column for name, column in shown.items()})


def _has_scalars(column: "pd.Series[Any]") -> bool:
    if column.dtype != object:
        return True
    return all(isinstance(value, Hashable) for value in column)


def refuse_scarce_classes(classes: Sequence[str], codes: Mapping[str, npt.NDArray[np.integer]]) -> None:
    """Every class must be known to train and seen in the holdout. `codes`: the class of each row, by table."""
    counts = {table: np.bincount(of_rows, minlength=len(classes)) for table, of_rows in codes.items()}
    if np.count_nonzero(counts["train"]) == 1:
        only = classes[int(counts["train"].argmax())]
        raise UnfitTableError(
            f"train has one class only, {only!r}: there is nothing to learn. Check the cut and data.target.",
            code="one-class",
        )
    for code, name in enumerate(classes):
        unseen = [table for table in ("holdout", "replay") if counts[table][code] and not counts["train"][code]]
        if unseen:
            raise UnfitTableError(
                f"class {name!r} is in {unseen[0]} ({counts[unseen[0]][code]:,} rows), but never in train: "
                f"no model can know it. Cut so that train has it, or {_remedy(code, counts)}.",
                code="unseen-class",
            )
        if counts["holdout"][code] < MIN_HOLDOUT_ROWS_OF_A_CLASS:
            raise UnfitTableError(
                f"class {name!r} has {counts['holdout'][code]} rows in the holdout, required: at least "
                f"{MIN_HOLDOUT_ROWS_OF_A_CLASS}, or no figure about it means anything. Enlarge the holdout "
                f"(data.holdout_days or data.holdout_share), or {_remedy(code, counts)}.",
                code="rare-class",
            )


def _remedy(code: int, counts: Mapping[str, npt.NDArray[np.int64]]) -> str:
    rows = sum(int(of_table[code]) for of_table in counts.values()) + 1
    return f"leave the class out by data.drop_classes_below = {rows}, or put such ones together by merge_classes_below"
