"""Cuts the rows into train, holdout and replay.

With a time column: the holdout is [as_of − holdout_days, as_of), train is all before it, the replay is
[as_of, as_of + replay_days); days begin at midnight, rows after the replay are not used. So no row of train is later
than any of the holdout, and none of the holdout later than any of the replay.

Without one: shares of the rows, drawn with data.seed, each class (or tenth of the target's range of ranks) in its
proportion. Rows of one data.group stay together on one side, and where there is no group, rows that are equal in all
features: a model is never judged on what it has seen. (Not both: a few equal rows would chain most groups into one.)
Tables keep the source's order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.data_manifest import TableName
from contracts.pipeline_toml.keys import Data
from training.dataset.column_values import example_of, plain, shape_of, text_codes, to_text
from training.refusals import SettingError, UnfitTableError

Positions: TypeAlias = npt.NDArray[np.intp]
Codes: TypeAlias = npt.NDArray[np.int64]
Times: TypeAlias = npt.NDArray[np.datetime64]

RANK_BINS = 10
MIX = np.uint64(6364136223846793005)  # odd, so that multiplying loses nothing


@dataclass(frozen=True)
class Cut:
    """Positions of rows in the source's table, each table in its own order; `unused` counts rows in none."""

    rows: dict[TableName, Positions]
    unused: int = 0


def read_times(values: "pd.Series[Any]", name: str) -> Times:
    """The time column as datetime64[us], UTC where it names zones. Raises where it does not parse."""
    column = plain(values)
    shape = shape_of(column)
    if shape not in ("date", "text"):
        raise SettingError(
            f"data.time = {name!r} holds {shape} values such as {example_of(column)}; required: dates, "
            "or text like 2013-10-01 08:30."
        )
    times = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    wrong = times.isna()
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        seen = "no value" if pd.isna(column.iloc[first]) else repr(column.iloc[first])
        raise UnfitTableError(
            f"data.time = {name!r}: {int(wrong.sum()):,} of {len(column):,} rows do not say when, the first is row "
            f"{first + 1} with {seen}; required: dates as in ISO 8601, like 2013-10-01 08:30, in every row."
        )
    return np.asarray(times.dt.tz_localize(None).to_numpy(), dtype="datetime64[us]")


def cut_by_time(times: Times, data: Data) -> Cut:
    """The cut around data.as_of, each table in order of time; equal times keep the source's order. `times`: [rows]."""
    as_of = np.datetime64(str(data.as_of), "us")
    first, last = times.min(), times.max()
    if not first < as_of <= last:
        raise SettingError(
            f"data.as_of = {data.as_of} is outside the table: {data.time} runs from {_day(first)} to {_day(last)}. "
            f"Set it so that the {data.holdout_days} days before it are the holdout, and rows after it can be replayed."
        )
    begin = as_of - np.timedelta64(data.holdout_days, "D")
    end = as_of + np.timedelta64(data.replay_days, "D")
    order = np.argsort(times, kind="stable")
    bounds = np.searchsorted(times[order], np.array([begin, as_of, end]), side="left")
    train, holdout, replay, unused = np.split(order, bounds)
    return Cut({"train": train, "holdout": holdout, "replay": replay}, len(unused))


def cut_by_share(strata: Codes, units: Codes, data: Data) -> Cut:
    """The seeded cut by shares. `strata`: [rows], what must be in proportion; `units`: [rows], what stays together.

    Within a stratum units are lined up at random; a unit goes where its middle falls on that line.
    """
    _, first_row, unit_of_row, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)
    luck = np.random.default_rng(data.seed).random(len(sizes))
    lines = pd.DataFrame({"stratum": strata[first_row], "luck": luck, "rows": sizes}).sort_values(["stratum", "luck"])
    rows = lines.groupby("stratum")["rows"]
    middle = (rows.cumsum() - lines["rows"] / 2) / rows.transform("sum")
    place = middle.sort_index().to_numpy()[unit_of_row]
    is_holdout = place < data.holdout_share
    is_replay = ~is_holdout & (place < data.holdout_share + data.replay_share)
    masks: dict[TableName, npt.NDArray[np.bool_]] = {
        "train": ~is_holdout & ~is_replay,
        "holdout": is_holdout,
        "replay": is_replay,
    }
    return Cut({name: np.flatnonzero(mask) for name, mask in masks.items()})


def strata_of(target: npt.NDArray[Any], is_classes: bool) -> Codes:
    """The class of each row, or for a regression the tenth of the ranks in which it lies."""
    if is_classes:
        return target.astype(np.int64)
    ranks = np.argsort(np.argsort(target, kind="stable"), kind="stable")
    return ranks * RANK_BINS // len(target)


def units_of(columns: Iterable[npt.NDArray[Any]]) -> Codes:
    """Which rows are equal in all `columns`, each [rows]: codes [rows], the same for equal rows."""
    hashes: npt.NDArray[np.uint64] | None = None
    for column in columns:
        of_column = pd.util.hash_array(column)
        hashes = of_column if hashes is None else (hashes * MIX) ^ of_column
    if hashes is None:
        raise ValueError("no columns to compare rows by")
    return pd.factorize(hashes)[0]


def groups_of(values: "pd.Series[Any]") -> Codes:
    """Which rows share a value of data.group: codes [rows]. Rows without a value are one group."""
    return text_codes(to_text(values))[1]


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
