"""Dates in Arrow columns: strings or numbers as the model card has them, or Arrow's own dates and timestamps.

Arrow's timestamps with a time zone are times in UTC, and those without one are taken as they stand: as in the table.
"""

from collections.abc import Mapping

from contracts.dates.inputs import DateInput, parts_reader
from contracts.dates.reading import NoDateError
from contracts.features import Value
from service.formats.arrow.columns import Coded, Field

# Seconds of each unit, as a fraction.
_SECONDS: Mapping[str, tuple[int, int]] = {
    "day": (86_400, 1), "s": (1, 1), "ms": (1, 10**3), "us": (1, 10**6), "ns": (1, 10**9)
}  # fmt: skip


class DateColumn:
    """Reads columns of one date."""

    def __init__(self, date: DateInput) -> None:
        self._parts = len(date.parts)
        self._parts_of = parts_reader(date)
        self._parts_of_seconds = parts_reader(date.model_copy(update={"format": "epoch_s"}))

    def read(self, column: Coded, field: Field | None) -> tuple[list[Coded], list[int], str]:
        """A column for each part; then which of the column's values are no dates, and why the first is none.

        `field`: None where the stream has no such column.
        """
        made: list[tuple[int | None, ...]] = []
        wrong, why = list[int](), ""
        for place, value in enumerate(column.values):
            try:
                made.append((None,) * self._parts if value is None else self._of_one(value, field))
            except NoDateError as error:
                wrong.append(place)
                why = why or str(error)
        if wrong:
            return [], wrong, why
        return [Coded(list(part), column.places) for part in zip(*made, strict=True)], [], ""

    def _of_one(self, value: Value, field: Field | None) -> tuple[int, ...]:
        if field is None or not field.unit or not isinstance(value, int):
            return self._parts_of(value)
        times, of = _SECONDS[field.unit]
        return self._parts_of_seconds(value * times // of)
