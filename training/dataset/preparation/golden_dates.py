"""Dates for golden rows: a client sends dates, and the tables have their parts alone."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from contracts.dates.inputs import DateInput
from contracts.dates.reading import PARTS, NoDateError, reader_of, written
from contracts.features import Value
from contracts.schema import CalendarPart

# In 28 years every day of the year is every day of the week. A format without a year is read as 1900.
YEARS = (*range(2000, 2028), 1900)
DAY = dt.timedelta(days=1)
TIME_OF_DAY: frozenset[CalendarPart] = frozenset({"hour", "minute"})


def with_dates(rows: Iterable[Mapping[str, Value]], dates: Sequence[DateInput]) -> list[dict[str, Value]]:
    """The rows as clients send them: dates in place of their parts. Rows whose parts no date has are left out."""
    found = []
    for row in rows:
        made = dict(row)
        values = {one.name: _date_of({part: made.pop(name) for name, part in one.parts.items()}, one) for one in dates}
        if "" not in values.values():
            found.append(made | values)
    return found


def _date_of(parts: Mapping[CalendarPart, Value], date: DateInput) -> Value:
    """The first date with these parts; None where they are missing, and "" where no date has them."""
    if None in parts.values():
        return None
    wanted, read = {part: int(value or 0) for part, value in parts.items()}, reader_of(date.format)
    for at in _times_with(wanted):
        value = written(at, date.format)
        try:
            seen = read(value)
        except NoDateError:
            continue
        if all(PARTS[part](seen) == number for part, number in wanted.items()):
            return value
    return ""


def _times_with(parts: Mapping[CalendarPart, int]) -> Iterator[dt.datetime]:
    of_day = [(PARTS[part], number) for part, number in parts.items() if part not in TIME_OF_DAY]
    for year in [parts["year"]] if "year" in parts else YEARS:
        at = dt.datetime(year, 1, 1, parts.get("hour", 0), parts.get("minute", 0))
        for _ in range(366):
            if at.year == year and all(part(at) == number for part, number in of_day):
                yield at
            if at.date() == dt.date.max:
                return
            at += DAY
