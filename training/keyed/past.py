"""Columns of [features.past]: lagged values and rolling means of earlier rows.

A row counts as earlier if its time plus `known_after_hours` is strictly before the row's own time, so rows of the same
time do not see each other. With `by`, only rows with the same value there count. The columns are computed over all rows
before they are cut, so rows of the holdout see the end of train, and no row of train sees the holdout. Rows of equal
time are in the source's order. Where there are too few earlier rows the value is missing.

The service computes none of this: a client sends these columns like any other, by the same rule.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.pipeline_toml.keys import Config, Past
from training.dataset.column_values import example_of, plain, shape_of, text_codes, to_text
from training.dataset.splits import Times, read_times
from training.refusals import SettingError, nearest, toml_key

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def with_past(table: pd.DataFrame, config: Config) -> pd.DataFrame:
    """The table with the columns of [features.past] after the others. Raises where they do not fit the table.

    A table without data.time is returned unchanged: another check refuses it.
    """
    asked = config.features.past
    if not asked or config.data.time not in table.columns:
        return table
    times = read_times(table[config.data.time], config.data)
    made = {name: _column(table, times, name, past) for name, past in asked.items()}
    return table.assign(**made)


def _column(table: pd.DataFrame, times: Times, name: str, past: Past) -> Numbers:
    _refuse_unfit(table, toml_key("features.past", name), name, past)
    values = plain(table[past.column]).to_numpy(dtype=np.float64, na_value=np.nan)
    groups = text_codes(to_text(table[past.by]))[1] if past.by else np.zeros(len(table), dtype=np.int64)
    found = np.full(len(table), np.nan)
    for rows in _in_order(groups, times):
        found[rows] = _of_earlier(values[rows], _earlier(times[rows], past.known_after_hours), past)
    return found


def _refuse_unfit(table: pd.DataFrame, key: str, name: str, past: Past) -> None:
    """Raises SettingError where the column cannot be made of this table."""
    if name in table.columns:
        raise SettingError(f"{key}: the table has a column {name!r}; give it a name of its own.", code="key-twice")
    for of, column in (("column", past.column), ("by", past.by)):
        if column and column not in table.columns:
            raise SettingError(
                f"{key}.{of} = {column!r} is no column of the table.{nearest(column, table.columns)}",
                code="unknown-column",
            )
    if shape_of(table[past.column]) not in ("numeric", "boolean"):
        seen = example_of(plain(table[past.column]))
        raise SettingError(
            f"{key}.column = {past.column!r} holds values such as {seen}; required: numbers, or true and false.",
            code="not-numeric",
        )


def _in_order(groups: Codes, times: Times) -> Iterator[Codes]:
    """The rows of each group by time. Rows of equal time keep the source's order."""
    order = np.lexsort((times, groups))
    yield from np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _earlier(times: Times, known_after_hours: float) -> Codes:
    """How many rows are known strictly before each row. times: [rows], ascending."""
    delay = np.timedelta64(round(known_after_hours * 3_600_000_000), "us")
    return np.searchsorted(times, times - delay, side="left").astype(np.int64)


def _of_earlier(values: Numbers, earlier: Codes, past: Past) -> Numbers:
    """The lagged value or rolling mean of each row. values, earlier: [rows], ascending in time."""
    if past.lag is not None:
        at = earlier - past.lag
        return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
    is_known = ~np.isnan(values)
    sums, counts = (np.append(0.0, np.cumsum(one)) for one in (np.where(is_known, values, 0.0), is_known))
    first = np.maximum(earlier - (past.mean_of or 1), 0)
    seen = counts[earlier] - counts[first]
    means: Numbers = np.divide(sums[earlier] - sums[first], seen, out=np.full(len(values), np.nan), where=seen > 0)
    return means
