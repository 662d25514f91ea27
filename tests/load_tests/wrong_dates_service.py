"""Our service, reading dates with one planted fault: `python wrong_dates_service.py FAULT`."""

import datetime as dt
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import Any

from contracts.dates import inputs, reading
from service.formats.row_dates import RowDates

Row = dict[str, Any]
Place = tuple[object, str, Any]
one, many, read = RowDates.one, RowDates.many, reading.read_iso


def in_requests(change: Callable[[Row], Row], before: Callable[[Row], Row] = dict) -> list[Place]:
    """Change what rows of requests become, but not golden rows: nothing but a wrong answer shows it."""

    def changed_one(self: RowDates, row: Row) -> Row:
        return change(one(self, before(row)))

    def changed_many(self: RowDates, rows: Sequence[Row]) -> list[Row]:
        return [change(made) for made in many(self, [before(row) for row in rows])]

    return [(RowDates, "one", changed_one), (RowDates, "many", changed_many)]


def mixed_up(self: RowDates, rows: Sequence[Row]) -> list[Row]:
    """Each row of a batch has the parts of the first one's dates."""
    made = many(self, rows)
    parts = {name: made[0][name] for name in made[0] if name.startswith(("at_", "due_"))}
    return [row | parts for row in made]


def an_hour_later(value: Any) -> dt.datetime:
    """A time of text as in ISO 8601, in another zone."""
    return read(value) + dt.timedelta(hours=1)


FAULTS: dict[str, list[Place]] = {
    "none": [],
    "an hour later": in_requests(lambda row: row | {"at_hour": (row["at_hour"] + 1) % 24}),
    "weekdays from one": in_requests(lambda row: row | {"at_weekday": row["at_weekday"] + 1}),
    "offsets ignored": in_requests(dict, before=lambda row: row | {"at": row["at"][:19]}),
    "gaps filled": in_requests(lambda row: row | {"due_day": row["due_day"] or 1}),
    "batches mixed up": [(RowDates, "many", mixed_up)],
    "the reading ignores offsets": [(reading, "_moved", lambda at, _: at)],
    "the calendar begins on Sunday": [
        (inputs, "PARTS", dict(reading.PARTS) | {"weekday": lambda at: (at.weekday() + 1) % 7})
    ],
    "the local time of the machine": [(reading, "read_iso", an_hour_later)],
}

if __name__ == "__main__":
    for place in FAULTS[sys.argv.pop(1)]:
        setattr(*place)
    runpy.run_module("service", run_name="__main__")
