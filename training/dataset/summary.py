"""The summary that `make data` prints: the kind of each column, the class shares, and what was left out."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import LeftOut, TableName
from contracts.pipeline_toml.keys import Data
from training.dataset.columns import Choice
from training.dataset.splits import Cut
from training.dataset.targets import Target
from training.refusals import listed

MOST_CLASSES = 5
# How far a class may be from its share, relative to it, before a line says so.
TOLERATED = 0.1

SHOWN_COLUMNS = 4

Counts = dict[TableName, npt.NDArray[np.int64]]


def summary(
    choice: Choice, table: pd.DataFrame, target: Target, cut: Cut, unanswered: int, data: Data
) -> Iterator[str]:
    """The lines of the summary. `table`: the rows that have a target. `unanswered`: rows without one."""
    yield _kinds(choice)
    if target.classes:
        counts = _counts(target, cut)
        yield _class_shares(counts, target.classes)
        if not data.time:
            yield from _out_of_proportion(counts, target.classes, data)
    if cut.large_blocks:
        yield _large_blocks(choice, table, cut, data)
    yield _left_out(choice.left_out, cut, unanswered, data)


def _kinds(choice: Choice) -> str:
    by_kind: dict[str, list[str]] = {}
    for name, kind in choice.kinds.items():
        by_kind.setdefault(kind, []).append(name)
    return "features: " + "; ".join(f"{len(names)} {kind} ({listed(names)})" for kind, names in by_kind.items())


def _counts(target: Target, cut: Cut) -> Counts:
    return {name: np.bincount(target.values[rows], minlength=len(target.classes)) for name, rows in cut.rows.items()}


def _class_shares(counts: Counts, classes: Sequence[str]) -> str:
    total: npt.NDArray[Any] = np.sum(list(counts.values()), axis=0)
    most = np.argsort(-total, kind="stable")[:MOST_CLASSES].tolist()
    parts = []
    for name, count in counts.items():
        shares = ", ".join(f"{classes[k]} {count[k] / max(count.sum(), 1):.1%}" for k in most)
        parts.append(f"{name} {shares}")
    return f"class shares: {'; '.join(parts)}"


def _out_of_proportion(counts: Counts, classes: Sequence[str], data: Data) -> Iterator[str]:
    """A line for each table in which blocks of rows keep a class from its proportion."""
    total: npt.NDArray[Any] = np.sum(list(counts.values()), axis=0)
    why = f"rows of one data.group = {data.group!r}" if data.group else "rows that are equal in all features"
    shares: dict[TableName, float] = {"holdout": data.holdout_share, "replay": data.replay_share}
    for name, share in shares.items():
        wanted = share * total
        worst = int(np.abs(counts[name] - wanted).argmax())
        if abs(counts[name][worst] - wanted[worst]) > max(1.5, TOLERATED * wanted[worst]):
            yield (
                f"{name} has {counts[name][worst]:,} rows of class {classes[worst]!r} where {wanted[worst]:,.0f} would "
                f"be in proportion: {why} stay together, and their blocks are too large for a finer cut."
            )


def _large_blocks(choice: Choice, table: pd.DataFrame, cut: Cut, data: Data) -> str:
    """What no cut can share out, with the largest block by name, and what to do."""
    block = cut.large_blocks[0]
    rows = sum(len(one) for one in cut.large_blocks)
    side = next(name for name, positions in cut.rows.items() if np.isin(block[0], positions))
    if data.group:
        kept = f"rows of one data.group = {data.group!r}"
        largest = f"{data.group} = {table[data.group].iloc[block[0]]!r}"
        remedy = "With finer groups the tables would be more alike."
    else:
        kept = "rows that are equal in all features"
        largest = _values(choice, table, int(block[0]))
        remedy = "If equal rows are different cases, name a column that tells them apart: data.group."
    return (
        f"large blocks ({len(cut.large_blocks):,}, with {rows / len(table):.1%} of the table): {kept} stay together. "
        f"The largest ({largest}) has {len(block):,} rows, all in {side}. So the tables differ by more than chance, "
        f"and drift may be called between train and replay. {remedy}"
    )


def _values(choice: Choice, table: pd.DataFrame, row: int) -> str:
    shown = [
        f"{name} {'missing' if pd.isna(value) else repr(value)}"
        for name in list(choice.kinds)[:SHOWN_COLUMNS]
        for value in table[name].iloc[row : row + 1].tolist()
    ]
    return ", ".join([*shown, "…"] if len(choice.kinds) > SHOWN_COLUMNS else shown)


def _left_out(left_out: Sequence[LeftOut], cut: Cut, unanswered: int, data: Data) -> str:
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(one.column)
    parts = [f"{listed(names)} ({reason})" for reason, names in by_reason.items()] or ["no column"]
    if unanswered:
        parts.append(f"{unanswered:,} rows without {data.target}")
    if cut.unused:
        parts.append(f"{cut.unused:,} rows after the replay")
    return f"left out: {'; '.join(parts)}"
