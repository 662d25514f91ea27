"""The gates' error rates as pictures: every share of a table with its interval, and a sentence on each table.

A cell is drawn if it is a share (`4.6% [2.5%, 8.3%]`, `1 of 17`), or a count in a row that has the total.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.decision import Interval
from reports.page.intervals import Panel, Row
from reports.page.pictures import row_picture
from reports.site.history.drill_tables import RateTable

OF = ("draws", "trials", "challengers", "asked")
MOST_ROWS = 6
# A longer cell holds figures, not the name of a case.
MOST_SIGNS = 40
# At most this many cells of a row name its case; the whole table has the others.
MOST_ABOUT = 3
# A counted column, and the columns of which one has its total: "known: called" is of "known: trials".
COUNTED = {"promoted": OF, "called": OF, "refused": OF, "hits": OF, "copies": OF, "found": ("moved",)}
PERCENT = re.compile(r"([\d.]+) ?%(?: \[([\d.]+) ?%, ([\d.]+) ?%\])?")
COUNT = re.compile(r"(\d[\d,]*) of (\d[\d,]*)")
# What should come out, by the rates' file.
SENTENCES = {
    "gate": "How often the gate lets a challenger through: an equal one should pass, one that is worse should not.",
    "load": "How often a service is called slower: an equal one should not be, a slower one should.",
    "load busy": "How often a busy machine excuses a slow service, or is taken for one: it should do neither.",
    "drift": "How often a window is called drift: a clean one should not be, one with a fault should.",
    "drift groups": "How often a window of whole groups is called drift: a clean one should not, a moved one should.",
    "drift tables": "How often a clean window of a public table is called drift: no more than the stated rate.",
    "clean": "How often a check refuses a challenger without a fault: it should not.",
    "statistics": "How often a check speaks up on clean data: no more than the stated rate.",
}


@dataclass(frozen=True)
class Rate:
    """One share: its label, its text, and its picture."""

    label: str
    written: str
    picture: str


@dataclass(frozen=True)
class RatePicture:
    """One table: a sentence on its question, and its first shares."""

    table: RateTable
    sentence: str
    shares: tuple[Rate, ...]


def rate_pictures(tables: tuple[RateTable, ...]) -> list[RatePicture]:
    """A picture for each table that has shares, in their order."""
    return [RatePicture(one, _sentence(one), _pictures(one)) for one in tables]


def share_of(cell: object, of: float | None) -> Interval | None:
    """The share in a cell, with its interval if it has one; None if it is no share."""
    if isinstance(cell, str) and (found := PERCENT.fullmatch(cell)):
        value = float(found[1]) / 100
        low, high = (float(found[2]) / 100, float(found[3]) / 100) if found[2] else (value, value)
        return Interval(value=value, low=low, high=high)
    if isinstance(cell, str) and (found := COUNT.fullmatch(cell)):
        hits, trials = (int(text.replace(",", "")) for text in found.groups())
        return _point(hits / trials) if trials else None
    if isinstance(cell, int | float) and of and 0 <= cell <= of and float(cell).is_integer():
        return _point(cell / of)
    return None


def _point(value: float) -> Interval:
    return Interval(value=value, low=value, high=value)


def _shares(table: RateTable) -> list[tuple[str, Interval]]:
    """Each share, labelled with its column and case. Every row's first share comes before any second one."""
    found: list[tuple[int, str, Interval]] = []
    totals = [_total_of(name, table.columns) for name in table.columns]
    for cells in table.rows:
        shares = [share_of(cell, _number(cells, totals[place])) for place, cell in enumerate(cells)]
        about = [
            cell if isinstance(cell, str) else f"{table.columns[place]} {cell:g}"
            for place, cell in enumerate(cells)
            if shares[place] is None and cell is not None and place not in totals and len(str(cell)) <= MOST_SIGNS
        ]
        found += [
            (place, ", ".join([table.columns[place], *about[:MOST_ABOUT]]), share)
            for place, share in enumerate(shares)
            if share is not None
        ]
    return [(label, share) for _, label, share in sorted(found, key=lambda one: one[0])]


def _total_of(name: str, columns: Sequence[str]) -> int | None:
    """The place of the column that has the total of a counted one."""
    before, separator, counted = name.rpartition(": ")
    totals = next((of for word, of in COUNTED.items() if counted.startswith(word)), ())
    return next(
        (columns.index(f"{before}{separator}{of}") for of in totals if f"{before}{separator}{of}" in columns), None
    )


def _number(cells: Sequence[object], place: int | None) -> float | None:
    cell = None if place is None else cells[place]
    return float(cell) if isinstance(cell, int | float) else None


def _sentence(table: RateTable) -> str:
    name = table.title.removeprefix("Rates measured, ").partition(":")[0]
    return SENTENCES.get(name, "")


def _pictures(table: RateTable) -> tuple[Rate, ...]:
    return tuple(_rate(label, share) for label, share in _shares(table)[:MOST_ROWS])


def _rate(label: str, share: Interval) -> Rate:
    written = _written(share)
    return Rate(label, written, row_picture(label, Panel((Row(label, written, share, "challenger"),), 0.0, 1.0)))


def _written(share: Interval) -> str:
    value = f"{100 * share.value:.3g}\N{NO-BREAK SPACE}%"
    return value if share.low == share.high else f"{value} ({100 * share.low:.0f} to {100 * share.high:.0f})"
