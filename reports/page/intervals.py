"""Intervals on one scale, for the picture in the comment, on the page and on the site.

Right is always better: where less is better, the scale runs from high to low. The first panel shows each model's own
figure. The second shows the difference and the margin that its lower end must not fall below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.decision import Comparison, Interval, Outcome
from reports.words.numerals import Form, form_of, spoken

ROOM = 0.06  # of the span, at both ends
KINDS: dict[Outcome, str] = {"better": "good", "equivalent": "good", "worse": "bad", "inconclusive": "open"}


@dataclass(frozen=True)
class Row:
    """One interval, or a value alone. `kind`: champion or challenger; for a difference good, open or bad."""

    label: str
    figure: str
    seen: Interval
    kind: str


@dataclass(frozen=True)
class Panel:
    """Rows on one scale, from `left` to `right`. `zero`, `margin`: where their lines are drawn; None: no line."""

    rows: tuple[Row, ...]
    left: float
    right: float
    zero: float | None = None
    margin: float | None = None

    def share(self, value: float) -> float:
        """Where a value stands, from 0 at the left to 1 at the right."""
        return min(max((value - self.left) / (self.right - self.left), 0.0), 1.0)

    @property
    def form(self) -> Form:
        """How its figures are written."""
        return form_of(self.rows[-1].seen, with_sign=self.zero is not None)

    @property
    def description(self) -> str:
        """The panel in words."""
        rows = [f"{row.label} {row.figure}" for row in self.rows]
        margin = [] if self.margin is None else [f"margin {self.form(self.margin)}"]
        return "; ".join([*rows, *margin])


def panels_of(one: Comparison) -> list[Panel]:
    """The models' panel, then the difference's if there is a champion."""
    return [_models(one), *difference_panel(one)]


def difference_panel(one: Comparison) -> list[Panel]:
    """Challenger minus champion, with zero and the margin; empty without a champion."""
    if one.difference is None:
        return []
    margin = None
    if one.margin:
        margin = -one.margin if one.higher_is_better else one.margin
    row = Row("difference", spoken(one.difference, with_sign=True), one.difference, KINDS.get(one.outcome, ""))
    marks = [0.0, *([] if margin is None else [margin])]
    left, right = _ends([row.seen], marks, higher_is_better=one.higher_is_better)
    return [Panel((row,), left, right, 0.0, margin)]


def _models(one: Comparison) -> Panel:
    rows = [Row("challenger", spoken(one.challenger), one.challenger, "challenger")]
    if one.champion is not None:
        rows.insert(0, Row("champion", spoken(one.champion), one.champion, "champion"))
    left, right = _ends([row.seen for row in rows], [], higher_is_better=one.higher_is_better)
    return Panel(tuple(rows), left, right)


def _ends(seen: Sequence[Interval], marks: Sequence[float], *, higher_is_better: bool) -> tuple[float, float]:
    values = [*marks, *(end for one in seen for end in (one.low, one.value, one.high))]
    room = ROOM * (max(values) - min(values)) or 0.1 * abs(values[0]) or 1.0
    low, high = min(values) - room, max(values) + room
    return (low, high) if higher_is_better else (high, low)
