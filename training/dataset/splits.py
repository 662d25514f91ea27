"""Cuts the rows into train, holdout and replay.

With a time column the holdout is [as_of − holdout_days, as_of), train is all before it, and the replay is
[as_of, as_of + replay_days). Days begin at midnight. Rows after the replay are not used. So no row of train is later
than any of the holdout, and none of the holdout later than any of the replay.

Without a time column the rows are drawn in shares with data.seed, stratified by class (or by tenths of the target's
ranks), to the nearest row or block. Rows of one data.group are a block, which stays in one table. Without a group, rows
that are equal in all features are a block, so that a model is never judged on what it has seen. (Not both: a few equal
rows would chain most groups into one.) Tables keep the source's order.

No table takes a block that it has no room for while another has, so that classes are as close to their shares as the
blocks allow. What the rows of a large block have in common cannot be shared out: `Cut.large_blocks` names such blocks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import TABLE_NAMES, TableName
from contracts.pipeline_toml.keys import Data
from training.dataset.column_values import example_of, plain, shape_of, text_codes, to_text
from training.refusals import SettingError, UnfitTableError

Positions: TypeAlias = npt.NDArray[np.intp]
Codes: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.NDArray[np.float64]
Times: TypeAlias = npt.NDArray[np.datetime64]

RANK_BINS = 10
UNPLACED = -1
TINY = 1e-9
# A table that should have this many rows of a block, and has none, is no random sample (Poisson: 2 in 100).
LARGE = 4
MIX = np.uint64(6364136223846793005)  # odd, so that multiplying loses nothing


@dataclass(frozen=True)
class Cut:
    """Positions of rows in the source's table, each table in its own order; `unused` counts rows in none.

    large_blocks: the rows of each block that a random split would hardly ever keep in one table, the largest first.
    """

    rows: dict[TableName, Positions]
    unused: int = 0
    large_blocks: tuple[Positions, ...] = ()


EPOCHS: dict[str, Literal["s", "ms"]] = {"epoch_s": "s", "epoch_ms": "ms"}


def read_times(values: "pd.Series[Any]", data: Data) -> Times:
    """The time column as datetime64[us], in UTC where it has time zones. Raises where it does not parse."""
    column, name = plain(values), data.time
    shape = shape_of(column)
    if shape not in ("date", "text") and data.time_format not in EPOCHS:
        raise SettingError(
            f"data.time = {name!r} holds {shape} values such as {example_of(column)}; required: dates, "
            'or text like 2013-10-01 08:30. If they count seconds since 1970: data.time_format = "epoch_s".',
            code="times-are-numbers",
        )
    times = parsed_times(column, data.time_format)
    wrong = times.isna()
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        seen = "no value" if pd.isna(column.iloc[first]) else repr(column.iloc[first])
        raise UnfitTableError(
            f"data.time = {name!r}: {int(wrong.sum()):,} of {len(column):,} rows do not say when, the first is row "
            f"{first + 1} with {seen}; required: {_required(data.time_format)}, in every row.",
            code="times-missing",
        )
    return np.asarray(times.dt.tz_localize(None).to_numpy(), dtype="datetime64[us]")


def parsed_times(column: "pd.Series[Any]", time_format: str) -> "pd.Series[Any]":
    """Times in UTC, NaT where a value is no time."""
    if time_format in EPOCHS:
        numbers = pd.to_numeric(column, errors="coerce")
        return pd.Series(pd.to_datetime(numbers, unit=EPOCHS[time_format], utc=True, errors="coerce"))
    return pd.to_datetime(column, format=time_format or "ISO8601", utc=True, errors="coerce")


def _required(time_format: str) -> str:
    how = 'dates as in ISO 8601, like 2013-10-01 08:30 (another form: data.time_format = "%d/%m/%Y")'
    return f"data.time_format = {time_format!r}" if time_format else how


def cut_by_time(times: Times, data: Data) -> Cut:
    """The cut around data.as_of, each table in order of time; equal times keep the source's order. `times`: [rows]."""
    as_of = np.datetime64(str(data.as_of), "us")
    first, last = times.min(), times.max()
    if not first < as_of <= last:
        raise SettingError(
            f"data.as_of = {data.as_of} is outside the table: {data.time} runs from {_day(first)} to {_day(last)}. "
            f"Set it so that the {data.holdout_days} days before it are the holdout, and later rows can be replayed.",
            code="as-of-outside",
        )
    begin = as_of - np.timedelta64(data.holdout_days, "D")
    end = as_of + np.timedelta64(data.replay_days, "D")
    order = np.argsort(times, kind="stable")
    bounds = np.searchsorted(times[order], np.array([begin, as_of, end]), side="left")
    train, holdout, replay, unused = np.split(order, bounds)
    return Cut({"train": train, "holdout": holdout, "replay": replay}, len(unused))


def cut_by_share(strata: Codes, units: Codes, data: Data) -> Cut:
    """The seeded cut by shares. `strata`: [rows], kept in proportion; `units`: [rows], rows of one stay together.

    Units of several rows are placed first, largest first: of the tables that have room for it, or else overflow least,
    each goes to the one that still lacks most of its classes, similar to scikit-learn's StratifiedGroupKFold. Single
    rows then fill the rest of each stratum's share.
    """
    rng = np.random.default_rng(data.seed)
    _, unit_of_row, sizes = np.unique(units, return_inverse=True, return_counts=True)
    shares = np.array([1 - data.holdout_share - data.replay_share, data.holdout_share, data.replay_share])
    counts = np.zeros((len(sizes), int(strata.max()) + 1))
    np.add.at(counts, (unit_of_row, strata), 1)
    sides = _place_blocks(counts, sizes, shares, rng)
    _place_single_rows(sides, counts, sizes, shares, rng)
    side_of_row = sides[unit_of_row]
    rows = {name: np.flatnonzero(side_of_row == side) for side, name in enumerate(TABLE_NAMES)}
    return Cut(rows, large_blocks=_large_blocks(unit_of_row, sizes, shares))


def _large_blocks(unit_of_row: Codes, sizes: Codes, shares: Numbers) -> tuple[Positions, ...]:
    of_smallest = sizes * shares[shares > 0].min()
    large = [int(unit) for unit in np.argsort(-sizes, kind="stable") if sizes[unit] > 1 and of_smallest[unit] >= LARGE]
    return tuple(np.flatnonzero(unit_of_row == unit) for unit in large)


def _place_blocks(counts: Numbers, sizes: Codes, shares: Numbers, rng: np.random.Generator) -> Codes:
    """The side of each unit of several rows; UNPLACED for single rows. `counts`: [units, strata]; `shares`: [sides]."""
    totals = np.maximum(counts.sum(axis=0), 1)
    wanted = np.outer(shares, totals)
    missing = wanted.copy()
    sides = np.full(len(sizes), UNPLACED, dtype=np.int64)
    blocks = np.flatnonzero(sizes > 1)
    for unit in blocks[np.lexsort((rng.random(len(blocks)), -sizes[blocks]))]:
        of_unit = counts[unit]
        need = (of_unit * missing / np.maximum(wanted, TINY)).sum(axis=1)
        overflow = (np.maximum(of_unit - missing, 0) / totals).sum(axis=1)
        overflow[shares == 0] = np.inf
        need[overflow > overflow.min() + TINY] = -np.inf
        best = np.flatnonzero(need == need.max())
        side = best[0] if len(best) == 1 else rng.choice(best, p=shares[best] / shares[best].sum())
        sides[unit] = side
        missing[side] -= of_unit
    return sides


def _place_single_rows(sides: Codes, counts: Numbers, sizes: Codes, shares: Numbers, rng: np.random.Generator) -> None:
    """Give each side the single rows of a stratum that it still lacks, to the nearest row. Changes `sides`."""
    stratum_of_unit = counts.argmax(axis=1)
    for stratum in range(counts.shape[1]):
        single = np.flatnonzero((sizes == 1) & (stratum_of_unit == stratum))
        placed = np.array([counts[sides == side, stratum].sum() for side in range(len(shares))])
        lacking = np.maximum(shares * counts[:, stratum].sum() - placed, 0)
        exact = lacking * len(single) / max(lacking.sum(), TINY)
        quota = np.floor(exact + TINY).astype(int)
        # Largest remainders. Equal ones are ordered at random, so that no side always gets the odd row.
        order = np.lexsort((rng.random(len(shares)), -np.round(exact - quota, 9)))
        quota[order[: len(single) - quota.sum()]] += 1
        sides[rng.permutation(single)] = np.repeat(np.arange(len(shares)), quota)


def strata_of(target: npt.NDArray[Any], is_classes: bool) -> Codes:
    """The class of each row, or for a regression its tenth of the ranks."""
    if is_classes:
        return target.astype(np.int64)
    ranks = np.argsort(np.argsort(target, kind="stable"), kind="stable")
    return ranks * RANK_BINS // len(target)


def units_of(columns: Iterable[npt.NDArray[Any]]) -> Codes:
    """Codes [rows] that are the same for rows that are equal in all `columns`, each [rows]."""
    hashes: npt.NDArray[np.uint64] | None = None
    for column in columns:
        of_column = pd.util.hash_array(column)
        hashes = of_column if hashes is None else (hashes * MIX) ^ of_column
    if hashes is None:
        raise ValueError("no columns to compare rows by")
    return pd.factorize(hashes)[0]


def groups_of(values: "pd.Series[Any]") -> Codes:
    """Codes [rows] that are the same for rows of one group. Rows without a value are one group."""
    return text_codes(to_text(values))[1]


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
