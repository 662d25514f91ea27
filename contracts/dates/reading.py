"""Reads a date, and gives its parts of the calendar. The data stage and the service use the same functions:

- text: ISO 8601 from the year to fractions of a second, or what a strptime format says; numbers count since 1970
- a time with an offset from UTC is converted to UTC; one without an offset is taken as it stands
- parts are those of the Gregorian calendar; weeks are those of ISO 8601, and weekday 0 is Monday
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from contracts.schema import CalendarPart

# More characters than any date needs; bounds the work for a text from outside.
MOST_CHARACTERS = 64
EPOCHS: dict[str, int] = {"epoch_s": 1, "epoch_ms": 1000}
# Not the same on every machine: which names strptime knows depends on the machine's own time zone.
ZONE_NAMES = "%Z"
_SINCE = dt.datetime(1970, 1, 1)
_SECOND = dt.timedelta(seconds=1)
# Of the years 1 to 9999, since 1970.
FIRST_SECOND, LAST_SECOND = (dt.datetime.min - _SINCE) // _SECOND, (dt.datetime.max - _SINCE) // _SECOND
_ISO_8601 = re.compile(
    r"\s*(?P<year>\d{4})"
    r"(?:(?P<sign>[-/. ])(?P<month>\d{1,2})(?:(?P=sign)(?P<day>\d{1,2}))?|(?P<month_2>\d\d)(?P<day_2>\d\d))?"
    r"(?P<time>[T ](?:(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.\d*)?)?)?"
    r"|(?P<hour_2>\d\d)(?P<minute_2>\d\d)(?:(?P<second_2>\d\d)(?:\.\d*)?)?)"
    r"\s*(?:Z|(?P<side>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d\d))?)?)?\s*",
    re.ASCII,
)

Part = Callable[[dt.datetime], int]
PARTS: Mapping[CalendarPart, Part] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "week": lambda at: at.isocalendar().week,
    "day": lambda at: at.day,
    "day_of_year": lambda at: at.timetuple().tm_yday,
    "weekday": lambda at: at.weekday(),
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
}


class NoDateError(ValueError):
    """A value is no date: the text says why, without the value."""


def reader_of(form: str) -> Callable[[Any], dt.datetime]:
    """A function from a date in this format to its time in UTC, without a zone. It raises NoDateError."""
    if form in EPOCHS:
        return _reader_since_1970(EPOCHS[form])
    return _reader_of_format(form) if form else read_iso


def read_iso(value: Any) -> dt.datetime:
    """A date as in ISO 8601, to its time in UTC, in whole seconds. Raises NoDateError."""
    found = _ISO_8601.fullmatch(_text(value))
    if found is None:
        raise NoDateError("it is not written as in ISO 8601")

    def number(name: str, default: int = 0) -> int:
        return int(found[name] or found[f"{name}_2"] or default)

    if found["time"] and not number("day"):
        raise NoDateError("it has a time and no day")
    try:
        clock = number("hour"), number("minute"), number("second")
        at = dt.datetime(int(found["year"]), number("month", 1), number("day", 1), *clock)
    except ValueError:
        raise NoDateError("the calendar or the clock has no such time") from None
    return _moved(at, -_offset(found)) if found["side"] else at


def written(at: dt.datetime, form: str) -> int | str:
    """A time as a client writes it in this format: the inverse of `reader_of`, as far as the format has the parts."""
    if form in EPOCHS:
        return EPOCHS[form] * ((at - _SINCE) // _SECOND)
    if not form:
        return at.isoformat(sep=" ")
    return (at.replace(tzinfo=at.tzinfo or dt.UTC) if "%z" in form else at).strftime(form)


def bounds_of(form: str) -> tuple[int, int]:
    """The least and the largest number that is a date in this format of numbers."""
    return EPOCHS[form] * FIRST_SECOND, EPOCHS[form] * (LAST_SECOND + 1) - 1


def _reader_since_1970(in_a_second: int) -> Callable[[Any], dt.datetime]:
    def read(value: Any) -> dt.datetime:
        try:
            return _SINCE + dt.timedelta(seconds=int(value // in_a_second))
        except (TypeError, ValueError, OverflowError):
            raise NoDateError("it is no number of a time in the years 1 to 9999") from None

    return read


def _reader_of_format(form: str) -> Callable[[Any], dt.datetime]:
    def read(value: Any) -> dt.datetime:
        try:
            at = dt.datetime.strptime(_text(value), form)
        except NoDateError:
            raise
        except (ValueError, OverflowError):
            raise NoDateError("it is not written in this form, or the calendar has no such time") from None
        if at.tzinfo is None:
            return at
        return _moved(at.replace(tzinfo=None), -(at.utcoffset() or dt.timedelta()))

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise NoDateError("it is no text")
    if len(value) > MOST_CHARACTERS:
        raise NoDateError(f"it has more than {MOST_CHARACTERS} characters")
    return value


def _offset(found: "re.Match[str]") -> dt.timedelta:
    """East of Greenwich."""
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise NoDateError("its offset from UTC is a day or more")
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return offset if found["side"] == "+" else -offset


def _moved(at: dt.datetime, by: dt.timedelta) -> dt.datetime:
    try:
        return at + by
    except OverflowError:
        raise NoDateError("in UTC it is not in the years 1 to 9999") from None
