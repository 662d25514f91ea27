"""Dates of golden rows have the parts of their rows, in every format that has them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dates.inputs import DateInput, DateReader
from contracts.dates.reading import PARTS
from contracts.schema import CalendarPart
from training.dataset.preparation.golden_dates import with_dates

MOMENTS = st.datetimes(dt.datetime(1972, 1, 1), dt.datetime(2060, 1, 1))
SOME = st.sets(st.sampled_from(sorted(PARTS)), min_size=1)


@given(at=MOMENTS, parts=SOME, form=st.sampled_from(["", "epoch_s", "epoch_ms", "%d/%m/%Y %H:%M", "%Y%m%d %H%M %z"]))
def test_a_date_has_the_parts_of_the_row(at: dt.datetime, parts: set[CalendarPart], form: str) -> None:
    date = DateInput(name="at", format=form, parts={f"at_{part}": part for part in sorted(parts)})
    row = {name: float(PARTS[part](at)) for name, part in date.parts.items()} | {"size": 1.5}
    (sent,) = with_dates([row], [date])
    assert set(sent) == {"size", "at"}
    assert DateReader([date])(sent) == row


def test_missing_parts_are_a_missing_date() -> None:
    date = DateInput(name="at", parts={"at_month": "month"}, missing_share=0.5)
    assert with_dates([{"size": 1.0, "at_month": None}], [date]) == [{"size": 1.0, "at": None}]


def test_a_format_without_a_year_gets_days_that_it_can_write() -> None:
    date = DateInput(name="at", format="%d %b", parts={"at_month": "month", "at_day": "day"})
    assert with_dates([{"at_month": 2.0, "at_day": 28.0}], [date]) == [{"at": "28 Feb"}]


@pytest.mark.parametrize(
    ("form", "row"), [("", {"at_month": 2.0, "at_day": 30.0}), ("%d/%m/%Y", {"at_month": 1.0, "at_hour": 5.0})]
)
def test_a_row_whose_parts_no_date_has_is_left_out(form: str, row: dict[str, float]) -> None:
    parts: dict[str, CalendarPart] = {"at_month": "month", "at_day": "day", "at_hour": "hour"}
    date = DateInput(name="at", format=form, parts={name: part for name, part in parts.items() if name in row})
    assert with_dates([row], [date]) == []


def test_without_dates_rows_stay_as_they_are() -> None:
    assert with_dates([{"size": 1.0}], ()) == [{"size": 1.0}]
