"""Pictures of the report as inline SVG: they follow the page's colours, need no script, and carry their text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from contracts.decision import Comparison, Interval

ROW_PX = 34
LABEL_PX = 150
PLOT_PX = 330
FIGURE_PX = 220
WIDTH_PX = LABEL_PX + PLOT_PX + FIGURE_PX


@dataclass(frozen=True)
class Bar:
    """One row: its interval turned so that right is better, and the zone that still counts as equivalent."""

    label: str
    figure: str
    low: float
    value: float
    high: float
    margin: float | None
    outcome: str


def bar(comparison: Comparison) -> Bar | None:
    """A metric's difference as a row of the picture; None where there is no champion."""
    difference = comparison.difference
    if difference is None:
        return None
    turned = difference if comparison.higher_is_better else _turned(difference)
    return Bar(
        label=comparison.title,
        figure=f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]",
        low=turned.low,
        value=turned.value,
        high=turned.high,
        margin=comparison.margin,
        outcome=comparison.outcome,
    )


def _turned(interval: Interval) -> Interval:
    return Interval(value=-interval.value, low=-interval.high, high=-interval.low)


def difference_picture(comparisons: Sequence[Comparison]) -> str:
    """SVG of every difference with its interval, one row a metric, each on its own scale. Empty without a champion."""
    bars = [one for comparison in comparisons if (one := bar(comparison)) is not None]
    if not bars:
        return ""
    height = ROW_PX * len(bars) + 30
    told = "; ".join(f"{one.label} {one.figure}, {one.outcome}" for one in bars)
    rows = "".join(_row(one, 24 + ROW_PX * number) for number, one in enumerate(bars))
    middle = LABEL_PX + PLOT_PX / 2
    return (
        f'<svg viewBox="0 0 {WIDTH_PX} {height}" role="img" class="differences">'
        f"<title>Challenger minus champion</title><desc>{escape(told)}</desc>"
        f'<text x="{middle - 8}" y="12" class="hint" text-anchor="end">← worse</text>'
        f'<text x="{middle + 8}" y="12" class="hint">better →</text>'
        f'<line x1="{middle}" x2="{middle}" y1="20" y2="{height - 6}" class="zero"/>{rows}</svg>'
    )


def _row(one: Bar, top: float) -> str:
    reach = 1.15 * max(abs(one.low), abs(one.high), one.margin or 0.0) or 1.0
    middle = top + ROW_PX / 2

    def x(value: float) -> float:
        return round(LABEL_PX + PLOT_PX * (0.5 + 0.5 * value / reach), 1)

    zone = ""
    if one.margin:
        zone = (
            f'<rect x="{x(-one.margin)}" y="{top + 3}" width="{round(x(0) - x(-one.margin), 1)}"'
            f' height="{ROW_PX - 6}" class="margin"><title>margin {one.margin:g}</title></rect>'
        )
    kind = {"better": "good", "equivalent": "good", "worse": "bad"}.get(one.outcome, "open")
    return (
        f'{zone}<text x="0" y="{middle + 4}">{escape(one.label)}</text>'
        f'<g class="{kind}"><line x1="{x(one.low)}" x2="{x(one.high)}" y1="{middle}" y2="{middle}"/>'
        f'<line x1="{x(one.low)}" x2="{x(one.low)}" y1="{middle - 5}" y2="{middle + 5}"/>'
        f'<line x1="{x(one.high)}" x2="{x(one.high)}" y1="{middle - 5}" y2="{middle + 5}"/>'
        f'<circle cx="{x(one.value)}" cy="{middle}" r="4.5"/></g>'
        f'<text x="{LABEL_PX + PLOT_PX + 8}" y="{middle + 4}" class="figure">{escape(one.figure)}</text>'
    )


def share_bar(value: float, limit: float) -> str:
    """A small bar of `value` against its `limit`, the limit as a tick at two thirds of the width."""
    width, height = 120, 12
    reach = 1.5 * limit
    filled = round(width * min(max(value, 0.0) / reach, 1.0), 1)
    tick = round(width * limit / reach, 1)
    kind = "bad" if value > limit else "good"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" class="bar"><title>{value:.3g}, limit {limit:.3g}</title>'
        f'<rect width="{width}" height="{height}" class="track"/>'
        f'<rect width="{filled}" height="{height}" class="{kind}"/>'
        f'<line x1="{tick}" x2="{tick}" y1="0" y2="{height}" class="limit"/></svg>'
    )
