"""The gate's curves as inline SVG in the page's colours, and as rows of a table for screen readers."""

from collections.abc import Sequence
from html import escape

from contracts.decision import Curve, Plot
from reports.page.ticks import value_ticks
from reports.words.numerals import MINUS, number

WIDTH, HEIGHT = 340, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 332, 10, 224
MOST_ROWS = 11
MOST_MARKED = 12


def curve_picture(plot: Plot) -> str:
    """SVG with a title and a description. Empty where no curve has points."""
    xs = [value for curve in plot.curves for value in curve.x]
    ys = [value for curve in plot.curves for value in curve.y]
    if not xs:
        return ""
    x_ticks, y_ticks = value_ticks(min(xs), max(xs)), value_ticks(min(ys), max(ys))

    def place(x: float, y: float) -> str:
        across = LEFT + (RIGHT - LEFT) * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = BOTTOM - (BOTTOM - TOP) * (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return f"{across:.1f},{up:.1f}"

    drawn = [
        _frame(plot, x_ticks, y_ticks, [place(x, y_ticks[0]) for x in x_ticks], [place(x_ticks[0], y) for y in y_ticks])
    ]
    if plot.has_diagonal:
        ends = max(x_ticks[0], y_ticks[0]), min(x_ticks[-1], y_ticks[-1])
        drawn.append(f'<polyline points="{place(ends[0], ends[0])} {place(ends[1], ends[1])}" class="diagonal"/>')
    drawn += [_line(curve, [place(x, y) for x, y in zip(curve.x, curve.y, strict=True)]) for curve in plot.curves]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot"><title>{escape(plot.title)}</title>'
        f"<desc>{escape(describe(plot))}</desc>{''.join(drawn)}</svg>"
    )


def curve_rows(plot: Plot) -> list[list[str]]:
    """At most eleven rows: x and y of each curve in turn."""
    points = max((len(curve.x) for curve in plot.curves), default=0)
    step = max(1, (points - 1) // (MOST_ROWS - 1)) if points > MOST_ROWS else 1
    chosen = sorted({*range(0, points, step), points - 1}) if points else []
    return [
        [text for curve in plot.curves for text in (number(curve.x[at]), number(curve.y[at]))]
        for at in chosen
        if all(at < len(curve.x) for curve in plot.curves)
    ]


def describe(plot: Plot) -> str:
    """The plot in words."""
    parts = [
        f"{curve.name}: {plot.y} from {number(curve.y[0])} to {number(curve.y[-1])}, where {plot.x} goes from "
        f"{number(curve.x[0])} to {number(curve.x[-1])}"
        for curve in plot.curves
        if curve.x
    ]
    return ". ".join(parts)


def calibration_in_words(curve: Curve) -> str:
    """Where the predicted probabilities are furthest from the observed shares, and whether too low or too high."""
    x, y = max(zip(curve.x, curve.y, strict=True), key=lambda point: abs(point[1] - point[0]), default=(0.0, 0.0))
    way = "too low" if y > x else "too high"
    return (
        f"Of rows that it gives {100 * x:.0f} %, {100 * y:.0f} in 100 turn out so: there its probabilities are {way} "
        f"by {100 * abs(y - x):.0f} points, and nowhere are they further off."
    )


def _frame(
    plot: Plot, x_ticks: Sequence[float], y_ticks: Sequence[float], along: Sequence[str], up: Sequence[str]
) -> str:
    drawn = []
    for tick, at in zip(y_ticks, up, strict=True):
        y = float(at.split(",")[1])
        drawn.append(
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}" class="grid"/>'
            f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_tick(tick)}</text>'
        )
    for tick, at in zip(x_ticks, along, strict=True):
        x = at.split(",")[0]
        anchor = "end" if tick == x_ticks[-1] else "middle"
        drawn.append(f'<text x="{x}" y="{BOTTOM + 16}" text-anchor="{anchor}">{_tick(tick)}</text>')
    middle = (LEFT + RIGHT) / 2
    drawn.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(plot.x)} →</text>')
    return "".join(drawn)


def _tick(value: float) -> str:
    return f"{value:,.6g}".replace("-", MINUS)


def _line(curve: Curve, points: Sequence[str]) -> str:
    tint = {"challenger": 1, "champion": 2}.get(curve.name, 6)
    drawn = f'<polyline points="{" ".join(points)}" class="line c{tint}"/>'
    if len(points) <= MOST_MARKED:
        for point in points:
            x, y = point.split(",")
            drawn += f'<circle cx="{x}" cy="{y}" r="2.6" class="dot c{tint}"/>'
    return drawn
