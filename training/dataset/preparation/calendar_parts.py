"""Makes features of dates: each calendar part that `features.dates` names becomes a column of numbers.

A client sends these numbers like any other feature. The parts of a missing date are missing. Times with a zone are
converted to UTC.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from contracts.pipeline_toml.keys import CalendarPart, Config
from training.dataset.column_values import plain, shape_of
from training.dataset.splits import parsed_times
from training.refusals import SettingError, nearest, toml_key

PARTS: Mapping[CalendarPart, Callable[[Any], Any]] = {
    "year": lambda dates: dates.year,
    "quarter": lambda dates: dates.quarter,
    "month": lambda dates: dates.month,
    "week": lambda dates: dates.isocalendar().week,
    "day": lambda dates: dates.day,
    "day_of_year": lambda dates: dates.dayofyear,
    "weekday": lambda dates: dates.weekday,
    "hour": lambda dates: dates.hour,
    "minute": lambda dates: dates.minute,
}


def with_calendar_parts(table: pd.DataFrame, config: Config) -> pd.DataFrame:
    """The table with one more column for each part. Raises SettingError."""
    made = config.features.made_of_dates
    if not made:
        return table
    dates = {name: _dates(table, name, config) for name in config.features.dates}
    for name, (source, _) in made.items():
        if name in table:
            raise SettingError(
                f"{toml_key('features.dates', source)} makes a column {name!r}, which the table already has. "
                "Rename it in the source, or take the part out.",
                code="column-twice",
            )
    return table.assign(**{name: PARTS[part](dates[source].dt) for name, (source, part) in made.items()})


def _dates(table: pd.DataFrame, name: str, config: Config) -> Any:
    """[rows] as times without a zone, NaT where missing."""
    key, data = toml_key("features.dates", name), config.data
    if name not in table:
        raise SettingError(
            f"{key} names a column that the table does not have.{nearest(name, table.columns)}", code="unknown-column"
        )
    column = plain(table[name])
    time_format = data.time_format if name == data.time else ""
    dates = parsed_times(column, time_format) if shape_of(column) in ("date", "text") or time_format else None
    wrong = column.notna() if dates is None else dates.isna() & column.notna()
    if dates is None or wrong.any():
        first = int(wrong.to_numpy().argmax())
        raise SettingError(
            f"{key}: {int(wrong.sum()):,} of {len(column):,} values are no dates, the first is "
            f"{str(column.iloc[first])[:40]!r} in row {first + 1}; required: dates as in ISO 8601, like 2013-10-01.",
            code="no-dates",
        )
    return dates.dt.tz_localize(None)
