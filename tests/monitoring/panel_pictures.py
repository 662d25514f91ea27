"""A dashboard's panel as SVG, drawn from what Prometheus answered: what Grafana would show, in the pages' colours.

Grafana itself draws nothing here: a picture shows the panel's question and the answer to its real query. Each is a file
of its own that brings its colours for light and dark, its title and its figures in words.
"""

import math
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

from reports.page.ticks import value_ticks
from reports.words.numerals import MINUS
from testbed.programs import ROOT
from tests.monitoring.dashboards import Answers, PanelAnswers, Series

STYLE_SHEET = ROOT / "reports" / "page" / "templates" / "style.css"
RULES = """
text { font: 12px system-ui, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
.back { fill: var(--card); stroke: var(--line); } .title { font-weight: 600; fill: var(--ink); font-size: 13px; }
.large { font-size: 26px; fill: var(--ink); } .name { fill: var(--ink); }
.green { fill: var(--good); } .red { fill: var(--bad); } .orange { fill: var(--open); }
.grid { stroke: var(--line); } .deploy { stroke: var(--c4); stroke-dasharray: 3 3; }
.deploy-text { fill: var(--c4); font-weight: 600; }
.limit { stroke: var(--bad); stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 1.6; } .heat { fill: var(--c1); }
.track { fill: var(--line); }
"""
TINTS = 7
TITLE_PX, AXIS_PX, LEFT_PX, LEGEND_PX, PAD_PX = 26, 18, 58, 16, 10
MOST_SERIES = 10
SHADES = 8
SIGN_PX = 6.6
Form = Callable[[float], str]


class Frame(NamedTuple):
    """A panel with what it was answered, and the room it has."""

    panel: dict[str, Any]
    seen: PanelAnswers
    answers: Answers
    width: int
    height: int

    @property
    def form(self) -> Form:
        """How its unit is written."""
        return form_of(self.panel["fieldConfig"]["defaults"].get("unit", "none"))

    @property
    def steps(self) -> list[tuple[float | None, str]]:
        """Its thresholds: from which value on, which colour."""
        found = self.panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", ())
        return [(step["value"], step["color"]) for step in found]


def panel_picture(frame: Frame) -> str:
    """The panel by itself: a whole SVG file."""
    title, told = escape(frame.panel["title"]), escape(told_of(frame.panel, frame.seen))
    size = f'viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}" height="{frame.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{title}</title><desc>{told}</desc>'
        f"<style>{style()}</style>{drawn_panel(frame)}</svg>\n"
    )


def style() -> str:
    """The pages' own colours, light and dark, and what the pictures use of them."""
    sheet = STYLE_SHEET.read_text(encoding="utf-8")
    found = re.search(r":root \{.*?\}\n@media \(prefers-color-scheme: dark\) \{ :root \{.*?\} \}", sheet, re.S)
    if found is None:
        raise ValueError(f"{STYLE_SHEET} does not begin with the colours of light and dark.")
    tints = " ".join(
        f".line.c{one} {{ stroke: var(--c{one}); }} .key.c{one} {{ fill: var(--c{one}); }}"
        for one in range(1, TINTS + 1)
    )
    return f"{found[0]}{RULES}{tints}"


def drawn_panel(frame: Frame) -> str:
    """The panel's marks, its upper left corner at 0 0."""
    panel, width, height = frame.panel, frame.width, frame.height
    back = f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6" class="back"/>'
    title = f'<text x="{PAD_PX}" y="18" class="title">{escape(_cut(panel["title"], width - 2 * PAD_PX, 7.2))}</text>'
    draw = {"stat": _stat, "bargauge": _bars, "table": _table, "heatmap": _heat}.get(panel["type"], _lines)
    return back + title + draw(frame)


def told_of(panel: dict[str, Any], seen: PanelAnswers) -> str:
    """The panel in words: for a figure the latest, for a line its least, most and latest."""
    form = form_of(panel["fieldConfig"]["defaults"].get("unit", "none"))
    if panel["type"] == "table":
        return "; ".join(f"{', '.join(one.labels.values())}: {form(_last(one))}" for one in seen.series)
    if panel["type"] in ("stat", "bargauge"):
        return "; ".join(f"{one.legend}: {form(_last(one))}" for one in seen.series)
    if panel["type"] == "heatmap":
        return f"Rows a second in {len(seen.series)} classes of scores; most of the latest up to {_densest(seen)}."
    said = []
    for one in seen.series[:MOST_SERIES]:
        low, high = min(known(one)), max(known(one))
        latest = one.values[-1]
        now = "none at the end" if latest is None else f"{form(latest)} at the end"
        said.append(f"{one.legend}: {form(low)} to {form(high)}, {now}")
    if len(seen.series) > MOST_SERIES:
        said.append(f"and {len(seen.series) - MOST_SERIES} more")
    return "; ".join(said)


def known(one: Series) -> list[float]:
    """The values that there were."""
    return [value for value in one.values if value is not None]


def form_of(unit: str) -> Form:
    """How Grafana's units are written here."""
    return {"percentunit": _percent, "s": _seconds, "reqps": lambda one: f"{_short(one)}/s", "bytes": _bytes}.get(
        unit, _short
    )


def _percent(value: float) -> str:
    return f"{_short(100 * value)} %"


def _seconds(value: float) -> str:
    for least, scale, unit in (
        (86_400, 86_400, "d"),
        (3_600, 3_600, "h"),
        (60, 60, "min"),
        (1, 1, "s"),
        (1e-3, 1e-3, "ms"),
    ):
        if abs(value) >= least:
            return f"{_short(value / scale)} {unit}"
    return f"{_short(value * 1e6)} µs" if value else "0 s"


def _bytes(value: float) -> str:
    return f"{_short(value / 1e6)} MB"


def _short(value: float) -> str:
    digits = 3 if abs(value) < 1000 else 4
    return f"{float(f'{value:.{digits}g}'):,.10g}".replace("-", MINUS)


def _last(one: Series) -> float:
    return known(one)[-1]


def _colour(frame: Frame, value: float) -> str:
    """The threshold's colour, as Grafana takes it: the last step that the value has reached."""
    reached = [colour for least, colour in frame.steps if least is None or value >= least]
    return reached[-1] if reached else ""


def _stat(frame: Frame) -> str:
    seen, width, height, form = frame.seen, frame.width, frame.height, frame.form
    if len(seen.series) == 1:
        value = _last(seen.series[0])
        place = f'x="{width / 2}" y="{height / 2 + 16}" text-anchor="middle"'
        return f'<text {place} class="large {_colour(frame, value)}">{escape(form(value))}</text>'
    step = (height - TITLE_PX) / max(len(seen.series), 1)
    return "".join(
        f'<text x="{PAD_PX}" y="{TITLE_PX + step * (number + 0.6):.1f}" class="name">{escape(one.legend)}</text>'
        for number, one in enumerate(seen.series)
    )


def _table(frame: Frame) -> str:
    seen, width = frame.seen, frame.width
    drawn = []
    for number, one in enumerate(seen.series):
        y = TITLE_PX + 34 + 22 * number
        name = " · ".join(text[:19] for text in one.labels.values())
        drawn.append(f'<text x="{PAD_PX}" y="{y}" class="name">{escape(_cut(name, width - 90))}</text>')
        drawn.append(f'<text x="{width - PAD_PX}" y="{y}" text-anchor="end">{_short(_last(one))}</text>')
    head = " · ".join(seen.series[0].labels) if seen.series else ""
    drawn.append(f'<text x="{PAD_PX}" y="{TITLE_PX + 12}">{escape(head)}</text>')
    return "".join([*drawn, f'<text x="{width - PAD_PX}" y="{TITLE_PX + 12}" text-anchor="end">replicas</text>'])


def _bars(frame: Frame) -> str:
    seen, width, height = frame.seen, frame.width, frame.height
    # As the query sorts them, which an answer over steps of time does not keep.
    rows = sorted(seen.series, key=_last, reverse=True)[:MOST_SERIES]
    step = (height - TITLE_PX - PAD_PX) / max(len(rows), 1)
    left, right = 150, width - 56
    most = max([1.0, *(_last(one) for one in rows)])
    drawn = []
    for number, one in enumerate(rows):
        y, value = TITLE_PX + 4 + step * number, _last(one)
        across, tall = (right - left) * value / most, min(step - 4, 14)
        name = escape(_cut(one.legend, 130))
        drawn.append(
            f'<text x="{left - 8}" y="{y + 11:.1f}" text-anchor="end" class="name">{name}</text>'
            f'<rect x="{left}" y="{y:.1f}" width="{right - left}" height="{tall:.1f}" class="track"/>'
            f'<rect x="{left}" y="{y:.1f}" width="{across:.1f}" height="{tall:.1f}" class="{_colour(frame, value)}"/>'
            f'<text x="{width - PAD_PX}" y="{y + 11:.1f}" text-anchor="end">{_short(value)}</text>'
        )
    limit = left + (right - left) / most
    drawn.append(f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="{TITLE_PX}" y2="{height - PAD_PX}" class="limit"/>')
    return "".join(drawn)


def _lines(frame: Frame) -> str:
    seen, answers, width, height, form = frame.seen, frame.answers, frame.width, frame.height, frame.form
    shown = seen.series[:MOST_SERIES]
    keys, rows = _keys(seen, width)
    bottom = height - PAD_PX - LEGEND_PX * rows - AXIS_PX
    limits = [least for least, _ in frame.steps if least is not None]
    values = [value for one in shown for value in known(one)]
    ticks = value_ticks(min([0.0, *values]), max([*values, *limits]) or 1.0)
    x, y = _scales(answers, width, bottom, ticks)
    drawn = [_grid(ticks, y, form, width), _times(answers, x, bottom)]
    drawn += [
        f'<line x1="{LEFT_PX}" x2="{width - PAD_PX}" y1="{y(one)}" y2="{y(one)}" class="limit"/>' for one in limits
    ]
    drawn.append(_deploys(answers, x, bottom))
    for number, one in enumerate(shown):
        drawn += [f'<polyline points="{run}" class="line c{number % TINTS + 1}"/>' for run in _runs(one, x, y)]
    return "".join(drawn) + f'<g transform="translate(0 {bottom + AXIS_PX + 12})">{keys}</g>'


def _heat(frame: Frame) -> str:
    """Classes of scores. Prometheus keeps what is at or below each upper end, so the one before is taken off."""
    seen, answers, width, height = frame.seen, frame.answers, frame.width, frame.height
    bottom = height - PAD_PX - AXIS_PX
    classes = sorted(seen.series, key=lambda one: float(one.labels["le"]))
    rates = _of_each_class(classes)
    most = max((value for row in rates for value in row), default=0.0) or 1.0
    x, _ = _scales(answers, width, bottom, [0.0, 1.0])
    tall = (bottom - TITLE_PX) / max(len(classes), 1)
    drawn: list[str] = []
    cells: dict[int, list[str]] = {}
    for number, (one, row) in enumerate(zip(classes, rates, strict=True)):
        y = bottom - tall * (number + 1)
        if number % 4 == 3 or one is classes[-1]:
            drawn.append(
                f'<text x="{LEFT_PX - 6}" y="{y + tall / 2 + 4:.1f}" text-anchor="end">≤ {one.labels["le"]}</text>'
            )
        for step, value in enumerate(row):
            if value > 0:
                shade = math.ceil(SHADES * math.sqrt(value / most))
                cells.setdefault(shade, []).append(f"M{x(step):g} {y:.1f}h{x(1) - x(0):.1f}v{tall:.1f}H{x(step):g}z")
    drawn += [f'<path d="{"".join(cells[one])}" class="heat" opacity="{one / SHADES:g}"/>' for one in sorted(cells)]
    return "".join([*drawn, _times(answers, x, bottom), _deploys(answers, x, bottom)])


def _of_each_class(classes: Sequence[Series]) -> list[list[float]]:
    below = [0.0] * (len(classes[0].values) if classes else 0)
    rates = []
    for one in classes:
        at = [value or 0.0 for value in one.values]
        rates.append([max(0.0, value - before) for value, before in zip(at, below, strict=True)])
        below = at
    return rates


def _densest(seen: PanelAnswers) -> str:
    classes = sorted(seen.series, key=lambda one: float(one.labels["le"]))
    latest = [row[-1] for row in _of_each_class(classes)]
    return classes[latest.index(max(latest))].labels["le"]


def _scales(
    answers: Answers, width: int, bottom: float, ticks: Sequence[float]
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    across = (width - PAD_PX - LEFT_PX) / max(answers.steps - 1, 1)
    up = (bottom - TITLE_PX - 6) / (ticks[-1] - ticks[0])
    return (lambda step: round(LEFT_PX + across * step, 1), lambda value: round(bottom - up * (value - ticks[0]), 1))


def _grid(ticks: Sequence[float], y: Callable[[float], float], form: Form, width: int) -> str:
    return "".join(
        f'<line x1="{LEFT_PX}" x2="{width - PAD_PX}" y1="{y(one)}" y2="{y(one)}" class="grid"/>'
        f'<text x="{LEFT_PX - 6}" y="{y(one) + 4}" text-anchor="end">{escape(form(one))}</text>'
        for one in ticks
    )


def _times(answers: Answers, x: Callable[[float], float], bottom: float) -> str:
    """Minutes since the begin."""
    minutes = int(answers.step_seconds * (answers.steps - 1) // 60)
    return "".join(
        f'<text x="{x(60 * one / answers.step_seconds)}" y="{bottom + 14}" '
        f'text-anchor="{"middle" if one else "start"}">{one} min</text>'
        for one in range(minutes + 1)
    )


def _deploys(answers: Answers, x: Callable[[float], float], bottom: float) -> str:
    return "".join(
        f'<line x1="{x(one.seconds / answers.step_seconds)}" x2="{x(one.seconds / answers.step_seconds)}" '
        f'y1="{TITLE_PX + 2}" y2="{bottom}" class="deploy"/>'
        f'<text x="{x(one.seconds / answers.step_seconds) + 4}" y="{TITLE_PX + 10}" class="deploy-text">D</text>'
        for one in answers.deploys
    )


def _runs(one: Series, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    """The parts of a line without a gap, each as points; one value alone is drawn as a short one."""
    runs: list[list[str]] = [[]]
    for step, value in enumerate(one.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x(step)},{y(value)}")
    return [" ".join(run if len(run) > 1 else [*run, *run]) for run in runs if run]


def _keys(seen: PanelAnswers, width: int) -> tuple[str, int]:
    """The legend's marks, and how many rows it takes."""
    at, row, drawn = float(PAD_PX), 0, []
    names = [one.legend for one in seen.series[:MOST_SERIES]]
    left = len(seen.series) - len(names)
    for number, name in enumerate([*names, *([f"and {left} more"] if left else [])]):
        text = _cut(name, width - 3 * PAD_PX)
        if at + 16 + SIGN_PX * len(text) > width - PAD_PX and at > PAD_PX:
            at, row = float(PAD_PX), row + 1
        if number < len(names):
            key = f'x="{at}" y="{LEGEND_PX * row - 8}" width="10" height="4" class="key c{number % TINTS + 1}"'
            drawn.append(f"<rect {key}/>")
        drawn.append(f'<text x="{at + 14:.1f}" y="{LEGEND_PX * row - 2}">{escape(text)}</text>')
        at += 14 + SIGN_PX * len(text) + 12
    return "".join(drawn), row + 1


def _cut(text: str, room: float, sign: float = SIGN_PX) -> str:
    most = max(4, int(room / sign))
    return text if len(text) <= most else text[: most - 1] + "…"
