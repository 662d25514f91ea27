"""Plots over time as inline SVG, in the page's light or dark colours, without scripts and with a text description.

All are 340 units wide, about a phone's width, so that their text stays readable; a page puts them side by side.
"""

import datetime as dt
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from reports.page.ticks import value_ticks
from reports.site.events import Event

WIDTH, HEIGHT = 340, 178
LEFT, RIGHT, TOP, BOTTOM = 46, 334, 14, 156
# Above this many points only notable ones get a mark.
MOST_MARKS = 60
TIME_STEPS_HOURS = (1, 3, 6, 12, 24, 48, 96, 168, 336)
MONTH_STEPS = (1, 2, 3, 6, 12, 24)
MOST_TIME_TICKS = 5
LABEL_SIGNS = 14
MOST_WINDOWS = 45
LETTER_PX = 9.0
MOST_ROWS = 12

Format = Callable[[float], str]


@dataclass(frozen=True)
class Point:
    """One run: `mark` is good, bad, open or empty; `tooltip` is shown over it."""

    at: dt.datetime
    value: float
    tooltip: str = ""
    mark: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A series. `tint`: 1 to 7, one of the page's colours."""

    name: str
    tint: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Axes:
    """The scales: time to x, value to y."""

    first: dt.datetime
    last: dt.datetime
    low: float
    high: float

    def x(self, at: dt.datetime) -> float:
        span = (self.last - self.first).total_seconds() or 1.0
        return round(LEFT + (RIGHT - LEFT - 6) * (at - self.first).total_seconds() / span, 1)

    def y(self, value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low), 1)


def line_chart(
    title: str,
    lines: Sequence[Line],
    form: Format,
    limit: float | None = None,
    least: float | None = None,
    events: Sequence[Event] = (),
) -> str:
    """Lines over time, each point's interval as a band, `limit` as a dashed line; the scale includes `least`.
    Empty below two moments."""
    points = [point for line in lines for point in line.points]
    if len({point.at for point in points}) < 2:
        return ""
    values = [value for one in points for value in (one.value, one.low, one.high) if value is not None]
    values += [one for one in (limit, least) if one is not None]
    ticks = value_ticks(min(values), max(values))
    axes = Axes(min(one.at for one in points), max(one.at for one in points), ticks[0], ticks[-1])
    drawn = [_frame(axes, ticks, form)]
    drawn += [_band(axes, line) for line in lines]
    if limit is not None:
        drawn.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{axes.y(limit)}" y2="{axes.y(limit)}" class="limit"/>')
    drawn += [_line(axes, line, form) for line in lines]
    drawn.append(_events(axes, events))
    return _svg(title, _said(lines, form, axes, events), HEIGHT, "".join(drawn))


def stack_chart(title: str, lines: Sequence[Line], form: Format, events: Sequence[Event] = ()) -> str:
    """Stacked areas; every line has its points at the same moments. Empty below two of them."""
    moments = [point.at for point in lines[0].points] if lines else []
    if len(set(moments)) < 2:
        return ""
    totals = [sum(line.points[number].value for line in lines) for number in range(len(moments))]
    ticks = value_ticks(0.0, max(totals))
    axes = Axes(moments[0], moments[-1], ticks[0], ticks[-1])
    base = [0.0] * len(moments)
    drawn = [_frame(axes, ticks, form)]
    for line in lines:
        top = [low + point.value for low, point in zip(base, line.points, strict=True)]
        edge = [*zip(moments, top, strict=True), *reversed([*zip(moments, base, strict=True)])]
        shape = " ".join(f"{axes.x(at)},{axes.y(value)}" for at, value in edge)
        name = f"<title>{escape(line.name)}</title>"
        drawn.append(f'<polygon points="{shape}" class="area c{line.tint}">{name}</polygon>')
        base = top
    drawn.append(_events(axes, events))
    return _svg(title, _said(lines, form, axes, events), HEIGHT, "".join(drawn))


def heat_chart(
    title: str,
    names: Sequence[str],
    windows: Sequence[tuple[str, dict[str, float]]],
    events: Sequence[Event] = (),
) -> str:
    """A row for each name, a cell for each window: from 0 (pale) to 1 (its threshold) and beyond. Empty below two
    windows."""
    shown = windows[-MOST_WINDOWS:]
    if len(shown) < 2 or not names:
        return ""
    left, height = 96, 15
    width = (RIGHT - left) / max(len(shown), 12)
    rows = [
        mark for row, name in enumerate(names) for mark in _heat_row(name, shown, row * height, left, width, height)
    ]
    bottom = len(names) * height
    first, last = escape(shown[0][0]), escape(shown[-1][0])
    right = max(left + len(shown) * width, left + 150)
    ends = (
        f'<text x="{left}" y="{bottom + 14}">{first}</text>'
        f'<text x="{right:.0f}" y="{bottom + 14}" text-anchor="end">{last}</text>'
    )
    rows += [
        f'<g class="event {event.kind}"><title>{escape(event.tooltip)}</title>'
        f'<line x1="{left + place * width:.1f}" x2="{left + place * width:.1f}" y1="0" y2="{bottom}"/></g>'
        for event in events
        for place, (moment, _) in enumerate(shown)
        if place and shown[place - 1][0] < f"{event.at:%Y-%m-%d}" <= moment
    ]
    latest = shown[-1][1]
    over = [name for name in names if latest.get(name, 0.0) > 1.0]
    beyond = ", ".join(over) or "none"
    said = f"{len(names)} columns over {len(shown)} windows. Over their threshold in the last: {beyond}."
    return _svg(title, said, bottom + 20, "".join(rows) + ends)


def describe(line: Line, form: Format) -> str:
    """A line in words, for screen readers."""
    if not line.points:
        return f"{line.name}: no figure"
    values = [point.value for point in line.points]
    first, last = line.points[0], line.points[-1]
    return (
        f"{line.name}: {len(values)} points from {first.at:%Y-%m-%d} to {last.at:%Y-%m-%d}, least {form(min(values))}, "
        f"median {form(statistics.median(values))}, most {form(max(values))}, latest {form(last.value)}"
    )


def table_of(lines: Sequence[Line], form: Format) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and the latest rows of the same figures, newest first."""
    values = [{point.at: point.value for point in line.points} for line in lines]
    moments = sorted({at for one in values for at in one}, reverse=True)[:MOST_ROWS]
    rows = tuple(
        (f"{at:%Y-%m-%d %H:%M}", *(form(one[at]) if at in one else "none" for one in values)) for at in moments
    )
    return ("when, UTC", *(line.name for line in lines)), rows


def time_ticks(first: dt.datetime, last: dt.datetime) -> Iterator[tuple[dt.datetime, str]]:
    """At most five moments with their labels: hours, days, or months."""
    hours = (last - first).total_seconds() / 3600
    step = next((one for one in TIME_STEPS_HOURS if hours / one <= MOST_TIME_TICKS), None)
    if step is None:
        yield from _month_ticks(first, last)
        return
    at = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while at <= last:
        if at >= first:
            yield at, f"{at:%H:%M}" if step < 24 and at.hour else f"{at.day} {at:%b}"
        at += dt.timedelta(hours=step)


def _month_ticks(first: dt.datetime, last: dt.datetime) -> Iterator[tuple[dt.datetime, str]]:
    months = (last - first).days / 30.4
    step = next((one for one in MONTH_STEPS if months / one <= MOST_TIME_TICKS), 60)
    number = first.year * 12 + first.month - 1
    while (at := dt.datetime(number // 12, number % 12 + 1, 1, tzinfo=dt.UTC)) <= last:
        if at >= first and number % step == 0:
            yield at, f"{at:%b %Y}" if at.month == 1 or step >= 12 else f"{at:%b}"
        number += 1


def _said(lines: Sequence[Line], form: Format, axes: Axes, events: Sequence[Event]) -> str:
    inside = [event for event in events if axes.first <= event.at <= axes.last]
    marked = [f"Marked: {len(inside)} deploys, rollbacks and retrains, the last {inside[-1].tooltip}"] if inside else []
    return ". ".join([*(describe(line, form) for line in lines), *marked])


def _events(axes: Axes, events: Sequence[Event]) -> str:
    """A thin line at each moment, with its letters if there is room; the last events get theirs first."""
    at: dict[float, list[Event]] = {}
    for event in events:
        if axes.first <= event.at <= axes.last:
            at.setdefault(axes.x(event.at), []).append(event)
    drawn, free = [], math.inf
    for x, together in sorted(at.items(), reverse=True):
        letters = ""
        if free - x >= LETTER_PX * len(together):
            signs = "".join(one.sign for one in together)
            letters = f'<text x="{x}" y="{TOP + 1}" text-anchor="middle">{signs}</text>'
            free = x
        tooltip = "; ".join(one.tooltip for one in together)
        drawn.append(
            f'<g class="event {together[-1].kind}"><title>{escape(tooltip)}</title>'
            f'<line x1="{x}" x2="{x}" y1="{TOP + 4}" y2="{BOTTOM}"/>{letters}</g>'
        )
    return "".join(drawn)


def _frame(axes: Axes, ticks: Sequence[float], form: Format) -> str:
    drawn = [
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{axes.y(tick)}" y2="{axes.y(tick)}" class="grid"/>'
        f'<text x="{LEFT - 6}" y="{axes.y(tick) + 4}" text-anchor="end">{escape(form(tick))}</text>'
        for tick in ticks
    ]
    for at, label in time_ticks(axes.first, axes.last):
        x = axes.x(at)
        anchor = "start" if x < LEFT + 16 else ("end" if x > RIGHT - 20 else "middle")
        drawn.append(
            f'<line x1="{x}" x2="{x}" y1="{BOTTOM}" y2="{BOTTOM + 4}" class="tick"/>'
            f'<text x="{x}" y="{BOTTOM + 17}" text-anchor="{anchor}">{label}</text>'
        )
    return "".join(drawn)


def _band(axes: Axes, line: Line) -> str:
    edges = [(point.at, point.low, point.high) for point in line.points if None not in (point.low, point.high)]
    if len(edges) < 2:
        return ""
    upper = [f"{axes.x(at)},{axes.y(high)}" for at, _, high in edges if high is not None]
    lower = [f"{axes.x(at)},{axes.y(low)}" for at, low, _ in reversed(edges) if low is not None]
    return f'<polygon points="{" ".join(upper + lower)}" class="band c{line.tint}"/>'


def _line(axes: Axes, line: Line, form: Format) -> str:
    if not line.points:
        return ""
    path = " ".join(f"{axes.x(point.at)},{axes.y(point.value)}" for point in line.points)
    drawn = [f'<polyline points="{path}" class="line c{line.tint}"/>']
    for number, point in enumerate(line.points):
        is_last = number == len(line.points) - 1
        if is_last or point.mark in ("bad", "open") or len(line.points) <= MOST_MARKS:
            kind = f"mark {point.mark}" if point.mark else f"dot c{line.tint}"
            said = point.tooltip or f"{point.at:%Y-%m-%d %H:%M}: {form(point.value)}"
            drawn.append(
                f'<circle cx="{axes.x(point.at)}" cy="{axes.y(point.value)}" r="{3.4 if is_last else 2.4}" '
                f'class="{kind}"><title>{escape(f"{line.name}, {said}")}</title></circle>'
            )
    return "".join(drawn)


def _svg(title: str, said: str, height: float, drawn: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" class="plot"><title>{escape(title)}</title>'
        f"<desc>{escape(said)}</desc>{drawn}</svg>"
    )


def _heat_row(
    name: str, shown: Sequence[tuple[str, dict[str, float]]], top: int, left: int, width: float, height: int
) -> Iterator[str]:
    yield f'<text x="{left - 6}" y="{top + 11}" text-anchor="end">{escape(_cut(name))}</text>'
    for column, (moment, ratios) in enumerate(shown):
        if name in ratios:
            yield (
                f'<rect x="{left + column * width:.1f}" y="{top + 1}" width="{max(width - 1, 1):.1f}" '
                f'height="{height - 2}" class="heat h{_heat(ratios[name])}"><title>{escape(name)}, '
                f"{escape(moment)}: {ratios[name]:.2f} × threshold</title></rect>"
            )


def _heat(ratio: float) -> int:
    return sum(ratio > edge for edge in (0.25, 0.5, 0.75, 1.0, 1.5))


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_SIGNS else text[: LABEL_SIGNS - 1] + "…"
