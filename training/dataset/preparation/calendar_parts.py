"""Makes features of dates: each calendar part that `features.dates` names becomes a column of numbers.

A client sends the date as the source has it, and the service makes the same parts of it. So a date of the table is
first written as a client sends it, and then read by the function that the service uses (`contracts/dates/reading.py`).
The parts of a missing date are missing. Times with a zone are converted to UTC.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.dates.inputs import DateInput
from contracts.dates.reading import EPOCHS, PARTS, ZONE_NAMES, NoDateError, reader_of
from contracts.features import Feature
from contracts.pipeline_toml.keys import Config
from training.dataset.column_values import plain, shape_of
from training.dataset.table_digest import ArrowColumn
from training.refusals import SettingError, nearest, toml_key

SECONDS_OF_ANY_DATE = 2**53


def with_calendar_parts(table: pd.DataFrame, config: Config) -> pd.DataFrame:
    """The table with one more column for each part. Raises SettingError."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for source, parts in config.features.dates.items():
        made = [f"{source}_{part}" for part in parts]
        for name in made:
            if name in table:
                raise SettingError(
                    f"{toml_key('features.dates', source)} makes a column {name!r}, which the table already has. "
                    "Rename it in the source, or take the part out.",
                    code="column-twice",
                )
        times, places = _times(table, source, config)
        for name, part in zip(made, parts, strict=True):
            columns[name] = _taken([PARTS[part](at) for at in times], places)
    return table.assign(**columns)


def dates_as_sent(values: "pd.Series[Any]", form: str) -> ArrowColumn:
    """A column of dates as a client has it, Arrow [rows], null where missing: text, or numbers since 1970."""
    column = plain(values)
    if form in EPOCHS:
        numbers = pd.to_numeric(column, errors="coerce")
        present = numbers.dropna()
        is_whole = bool((present % 1 == 0).all() and (present.abs() < SECONDS_OF_ANY_DATE).all())
        return pa.array(numbers.astype("Int64") if is_whole else numbers.astype("float64"), from_pandas=True)
    codes, distinct = pd.factorize(column)
    texts = [one if isinstance(one, str) else one.isoformat() for one in distinct]
    indices = pa.array(np.asarray(codes), mask=np.asarray(codes) < 0)
    return pa.array(texts, type=pa.large_string()).take(indices)


def form_of(values: "pd.Series[Any]", name: str, config: Config) -> str:
    """How a client writes this column's dates: `DateInput.format`. Values with the type of a date become ISO 8601."""
    data = config.data
    is_typed = shape_of(values) == "date"
    return "" if is_typed or name != data.time or data.time_format == "ISO8601" else data.time_format


def date_inputs(
    table: pd.DataFrame, rows: npt.NDArray[np.intp], features: Sequence[Feature], config: Config
) -> tuple[DateInput, ...]:
    """The dates of which features are made. `rows`: positions of train."""
    known, found = {one.name: one for one in features}, []
    for source, parts in config.features.dates.items():
        made = {name: part for part in parts if (name := f"{source}_{part}") in known}
        if not made:
            continue
        form = form_of(table[source], source, config)
        sent = dates_as_sent(table[source].iloc[rows], form)
        found.append(
            DateInput(
                name=source,
                format=form,
                parts=made,
                missing_share=known[next(iter(made))].missing_share,
                example=pc.drop_null(sent)[0].as_py(),
            )
        )
    return tuple(found)


def _times(table: pd.DataFrame, name: str, config: Config) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """The distinct times, and for each row [rows] the position of its time, -1 where missing."""
    key = toml_key("features.dates", name)
    if name not in table:
        raise SettingError(
            f"{key} names a column that the table does not have.{nearest(name, table.columns)}", code="unknown-column"
        )
    column, form = plain(table[name]), form_of(table[name], name, config)
    if ZONE_NAMES in form:
        raise SettingError(
            f"{key}: data.time_format = {form!r} has names of time zones, which mean other times on other machines; "
            "required: offsets from UTC (%z), or none. Write them so in the source.",
            code="zone-names",
        )
    is_read = form in EPOCHS or shape_of(column) in ("date", "text")
    sent = dates_as_sent(column, form).dictionary_encode() if is_read else pa.nulls(len(column)).dictionary_encode()
    places = sent.indices.fill_null(-1).to_numpy().astype(np.int64)
    times, read = list[Any](), reader_of(form)
    is_wrong = np.zeros(len(sent.dictionary) + 1, dtype=bool)
    for place, value in enumerate(sent.dictionary.to_pylist()):
        try:
            times.append(read(value))
        except NoDateError:
            is_wrong[place] = True
    wrong = is_wrong[places] | ((places < 0) & column.notna().to_numpy())
    if wrong.any():
        first = int(wrong.argmax())
        raise SettingError(
            f"{key}: {int(wrong.sum()):,} of {len(column):,} values are no dates, the first is "
            f"{str(column.iloc[first])[:40]!r} in row {first + 1}; required: {_required(form)}.",
            code="no-dates",
        )
    return times, places


def _required(form: str) -> str:
    return f"data.time_format = {form!r}" if form else "dates as in ISO 8601, like 2013-10-01"


def _taken(values: Sequence[int], places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The value at each place, [rows]; NaN at -1."""
    if not (places < 0).any():
        return np.array(values, dtype=np.int32)[places]
    return np.array([*values, np.nan], dtype=np.float64)[places]
