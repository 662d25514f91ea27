"""Makes the calendar parts of the dates in validated rows, so that everything after it sees the model's features.

`contracts/dates/` reads the dates, in the data stage as here.
"""

from collections.abc import Sequence

from contracts.dates.inputs import DateInput, DateReader, WrongDatesError
from service.formats.row_schema import Row, pointer_to, required_of
from service.http.problems import DOES_NOT_FIT, Problem


class RowDates:
    """The dates of one model."""

    def __init__(self, dates: Sequence[DateInput]) -> None:
        self._read = DateReader(dates)
        self._dates = {one.name: one for one in dates}

    def one(self, row: Row) -> Row:
        """The row by features. Raises Problem."""
        try:
            return self._read(row)
        except WrongDatesError as error:
            raise Problem(DOES_NOT_FIT, self._errors(error)) from None

    def many(self, rows: Sequence[Row]) -> list[Row]:
        """The rows by features. Raises Problem for all wrong dates together."""
        made: list[Row] = []
        errors: list[tuple[str, str]] = []
        for number, row in enumerate(rows):
            try:
                made.append(self._read(row))
            except WrongDatesError as error:
                errors.extend(self._errors(error, "rows", number))
        if errors:
            raise Problem(DOES_NOT_FIT, tuple(errors))
        return made

    def _errors(self, error: WrongDatesError, *path: int | str) -> tuple[tuple[str, str], ...]:
        return tuple(
            (pointer_to(*path, name), required_of(self._dates[name], why)) for name, why in error.wrong.items()
        )
