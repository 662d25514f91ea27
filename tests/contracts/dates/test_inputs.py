"""What clients send in place of features that are made of dates, and how a row gets its parts."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.dates.inputs import DateInput, DateReader, WrongDatesError, inputs_of, other_writings
from contracts.dates.reading import PARTS, read_iso
from contracts.features import Feature
from testbed.cards import card

AT = DateInput(name="at", parts={"at_month": "month", "at_hour": "hour"}, example="2013-10-01 08:30")
DUE = DateInput(name="due", format="epoch_s", parts={"due_weekday": "weekday"}, missing_share=0.5)
FEATURES = tuple(Feature(name=name, kind="numeric") for name in ("size", "at_month", "age", "at_hour", "due_weekday"))


def test_a_date_is_sent_at_the_place_of_its_first_part() -> None:
    assert [one.name for one in inputs_of(FEATURES, (DUE, AT))] == ["size", "at", "age", "due"]
    assert inputs_of(FEATURES, ()) == FEATURES


def test_a_row_gets_the_parts_in_place_of_the_date() -> None:
    row = DateReader((AT, DUE))({"size": 1.5, "at": "2013-10-01T00:30+02:00", "due": 1380585600})
    assert row == {"size": 1.5, "at_month": 9, "at_hour": 22, "due_weekday": 1}


@pytest.mark.parametrize("row", [{"size": 1.0}, {"size": 1.0, "at": None, "due": None}])
def test_the_parts_of_a_missing_date_are_missing(row: dict[str, Any]) -> None:
    assert DateReader((AT, DUE))(row) == {"size": 1.0, "at_month": None, "at_hour": None, "due_weekday": None}


def test_every_wrong_date_of_a_row_is_named() -> None:
    with pytest.raises(WrongDatesError) as refused:
        DateReader((AT, DUE))({"at": "2013-02-30", "due": "soon"})
    assert list(refused.value.wrong) == ["at", "due"]


def test_an_offset_changes_every_part_of_the_date_that_is_tried() -> None:
    ((name, text),) = other_writings(AT)
    as_it_stands = read_iso(str(text)[:19])
    assert name == "at"
    assert all(part(read_iso(text)) != part(as_it_stands) for part in PARTS.values())


@pytest.mark.parametrize(("form", "tried"), [("%d/%m/%Y", 0), ("epoch_s", 0), ("%d/%m/%Y %H:%M %z", 1)])
def test_an_offset_is_tried_where_the_format_has_one(form: str, tried: int) -> None:
    assert len(other_writings(AT.model_copy(update={"format": form}))) == tried


@pytest.mark.parametrize(
    "dates",
    [
        (AT.model_copy(update={"parts": {"at_week": "week"}}),),
        (AT, AT.model_copy(update={"name": "other"})),
        (AT.model_copy(update={"name": "size"}),),
    ],
    ids=["a part that is no feature", "a part of two dates", "a date that is a feature"],
)
def test_a_card_whose_dates_do_not_fit_its_features_is_refused(dates: tuple[DateInput, ...]) -> None:
    with pytest.raises(ValidationError, match="each part must be one feature"):
        card(FEATURES, dates=dates)


def test_a_card_without_dates_is_written_as_before() -> None:
    assert "dates" not in card(FEATURES).model_dump(mode="json")
    assert card(FEATURES).inputs == FEATURES
