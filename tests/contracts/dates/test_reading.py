"""A date is read as pandas reads the table's, and its parts are those of pandas; what is no date is refused."""

import datetime as dt
from collections.abc import Callable
from typing import Any, get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dates.reading import MOST_CHARACTERS, PARTS, NoDateError, bounds_of, read_iso, reader_of, written
from contracts.schema import CalendarPart

OF_PANDAS: dict[CalendarPart, Callable[[Any], Any]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: at.quarter,
    "month": lambda at: at.month,
    "week": lambda at: at.isocalendar().week,
    "day": lambda at: at.day,
    "day_of_year": lambda at: at.dayofyear,
    "weekday": lambda at: at.dayofweek,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
}
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1)).map(lambda at: at.replace(microsecond=0))
# Pieces of dates as people write them, right and wrong.
TEXTS = st.tuples(
    st.sampled_from(["2013-10-01", "2013/2/29", "2012.02.29", "20131231", "2013-1-5", "2013-13-01", "1999", "2001-07"]),
    st.sampled_from(["", "T", " "]),
    st.sampled_from(["", "05", "5:30", "23:59:59", "0530", "053012", "24:00", "08:30:00.25", "08:30:00.123456789"]),
    st.sampled_from(["", "Z", "+02:00", "-0330", "+2", " +05:45", "+24:00", "-23:59", "UTC"]),
).map("".join)


def pandas_reads(text: str, form: str = "ISO8601") -> Any:
    """The time as the table's own reader has it, without a zone; NaT where it reads none."""
    return pd.to_datetime(pd.Series([text], dtype=object), format=form, utc=True, errors="coerce").dt.tz_localize(None)[
        0
    ]


@given(TEXTS)
def test_a_text_is_read_as_pandas_reads_it(text: str) -> None:
    theirs = pandas_reads(text)
    try:
        ours = read_iso(text)
    except NoDateError:
        assert pd.isna(theirs)
    else:
        assert pd.isna(theirs) or ours == theirs.floor("s")


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("2013-10-01", "2013-10-01 00:00"),
        ("2013-10-01 08:30", "2013-10-01 08:30"),
        ("2013-10-01T08:30:59.999Z", "2013-10-01 08:30:59"),
        ("2013-10-01T00:30+02:00", "2013-09-30 22:30"),
        ("2013-12-31 22:30-01:45", "2014-01-01 00:15"),
        ("2013-10-01T00:30+0200", "2013-09-30 22:30"),
        ("2012-02-29T23:59:59-00:01", "2012-03-01 00:00:59"),
    ],
)
def test_an_offset_is_converted_to_utc_and_none_is_taken_as_it_stands(text: str, required: str) -> None:
    assert read_iso(text) == dt.datetime.fromisoformat(required) == pandas_reads(text).floor("s")


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "now", "today", "NaT", "2013-02-30", "2013-10-01T24:00", "2013-10-01T23:59:60", "0000-01-01"),
        *("2013-10-01T08:30+24:00", "2013-10-01T08:30+02:60", "9999-12-31T23:00-02:00", "0001-01-01T00:00+02:00"),
        *(
            "2013T05",
            "2013-10-01 Europe/Bern",
            "２０１３-10-01",
            "2013-10-01" + " " * MOST_CHARACTERS,
            20131001,
            None,
            True,
        ),
    ],
)
def test_what_is_no_date_is_refused_without_its_value(value: Any) -> None:
    with pytest.raises(NoDateError) as refused:
        read_iso(value)
    assert not value or str(value) not in str(refused.value)


@pytest.mark.parametrize("part", get_args(CalendarPart))
@given(MOMENTS)
def test_each_part_is_that_of_pandas(part: CalendarPart, at: dt.datetime) -> None:
    assert PARTS[part](at) == OF_PANDAS[part](pd.Timestamp(at))


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%Y%m%dT%H%M%S", "%d.%m.%y %H:%M", "%Y-%m-%d %H:%M%z"])
@given(at=st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2060, 1, 1)).map(lambda at: at.replace(microsecond=0)))
def test_a_format_is_read_as_pandas_reads_it(form: str, at: dt.datetime) -> None:
    text = at.replace(tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45))).strftime(form)
    assert reader_of(form)(text) == pandas_reads(text, form)


@pytest.mark.parametrize("text", ["31/02/2013", "2013-10-01", "1/13/2013", "", "1/1/2013 "])
def test_what_is_not_in_the_format_is_refused(text: str) -> None:
    with pytest.raises(NoDateError):
        reader_of("%d/%m/%Y")(text)
    assert pd.isna(pandas_reads(text, "%d/%m/%Y"))


@pytest.mark.parametrize(("form", "unit"), [("epoch_s", "s"), ("epoch_ms", "ms")])
@given(number=st.integers(-8_000_000_000, 8_000_000_000))
def test_a_number_counts_since_1970_as_in_pandas(form: str, unit: Any, number: int) -> None:
    assert reader_of(form)(number) == reader_of(form)(float(number)) == pd.Timestamp(number, unit=unit).floor("s")


@pytest.mark.parametrize("form", ["epoch_s", "epoch_ms"])
def test_numbers_are_dates_within_their_bounds_and_not_beyond(form: str) -> None:
    least, most = bounds_of(form)
    assert (reader_of(form)(least).year, reader_of(form)(most).year) == (1, 9999)
    for value in (least - 1, most + 1, float("nan"), float("inf"), "1380600000", None):
        with pytest.raises(NoDateError):
            reader_of(form)(value)


@pytest.mark.parametrize("form", ["", "epoch_s", "epoch_ms", "%d/%m/%Y %H:%M:%S"])
@given(at=MOMENTS)
def test_what_is_written_is_read_again(form: str, at: dt.datetime) -> None:
    assert reader_of(form)(written(at, form)) == at
