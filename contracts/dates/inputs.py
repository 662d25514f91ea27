"""The dates that clients send, and how rows get the parts of the calendar that a model reads of them."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from contracts.dates.reading import EPOCHS, PARTS, NoDateError, reader_of, written
from contracts.features import Feature, Value
from contracts.schema import CalendarPart, Schema

_READ_BEFORE = 1024


class WrongDatesError(ValueError):
    """A row has values that are no dates: `wrong` has the reason of each, by its name."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in wrong.items()))
        self.wrong = wrong


class DateInput(Schema):
    """A date that clients send, of which features are made.

    `format`: "": ISO 8601; `epoch_s`, `epoch_ms`; or a strptime format. `parts`: by feature, the part of the calendar.
    """

    name: str
    format: str = ""
    parts: dict[str, CalendarPart]
    missing_share: float = 0.0
    example: int | float | str | None = None

    @property
    def kind(self) -> Literal["date", "epoch"]:
        """`date`: text. `epoch`: a number that counts since 1970."""
        return "epoch" if self.format in EPOCHS else "date"

    @property
    def may_be_missing(self) -> bool:
        return self.missing_share > 0


Input = Feature | DateInput


def inputs_of(features: Iterable[Feature], dates: Iterable[DateInput]) -> tuple[Input, ...]:
    """What clients send: the features, and each date at the place of its first part."""
    by_part = {part: one for one in dates for part in one.parts}
    inputs: list[Input] = [by_part.get(feature.name, feature) for feature in features]
    return tuple({one.name: one for one in inputs}.values())


def other_writings(date: DateInput) -> list[tuple[str, Value]]:
    """Dates whose offset changes every part, where the format has one: a reader that ignores it is wrong in all."""
    if date.kind == "epoch" or (date.format and "%z" not in date.format):
        return []
    behind = dt.timezone(-dt.timedelta(hours=1, minutes=45))
    # A Sunday that in UTC is the Monday of another week, month and year.
    return [(date.name, str(written(dt.datetime(2023, 12, 31, 22, 30, tzinfo=behind), date.format)))]


class DateReader:
    """Puts the parts of dates in their place, in rows that clients send."""

    def __init__(self, dates: Iterable[DateInput]) -> None:
        self._dates = [(one.name, tuple(one.parts), parts_reader(one)) for one in dates]

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row by features; the parts of a missing date are missing. Raises WrongDatesError."""
        made, wrong = dict(row), {}
        for name, features, parts_of in self._dates:
            value = made.pop(name, None)
            try:
                parts = (None,) * len(features) if value is None else parts_of(value)
            except NoDateError as error:
                wrong[name] = str(error)
                continue
            made.update(zip(features, parts, strict=True))
        if wrong:
            raise WrongDatesError(wrong)
        return made


def parts_reader(date: DateInput) -> Callable[[Any], tuple[int, ...]]:
    """A function from a date to its parts, which raises NoDateError. It remembers some: requests repeat dates."""
    read, parts = reader_of(date.format), [PARTS[part] for part in date.parts.values()]

    @lru_cache(_READ_BEFORE)
    def parts_of(value: Any) -> tuple[int, ...]:
        at = read(value)
        return tuple(part(at) for part in parts)

    return parts_of
