"""Pictures of the report as inline SVG: they follow the page's colours, need no script, and have a text description.

Places along the x axis are in percent, so that a picture fits any screen while its text keeps one size.
"""

from collections.abc import Sequence
from html import escape

from contracts.decision import Comparison
from contracts.model_figures import FeatureImportance
from reports.page.intervals import Panel, Row, difference_panel, panels_of
from reports.words.numerals import spoken

ROW_PX = 40
AXIS_PX = 24
GAP_PX = 14
TOP_PX = 4
SMALL_PX = 22
SPARE_PERCENT = 2.0


def interval_picture(one: Comparison) -> str:
    """Champion, challenger, and their difference against the margin: right is better."""
    panels = panels_of(one)
    top, drawn = TOP_PX, ""
    for panel in panels:
        drawn += _panel(panel, top)
        top += _height(panel) + GAP_PX
    description = ". ".join(panel.description for panel in panels)
    return _svg(f"{one.title}: right is better", description, top - GAP_PX, drawn, "intervals")


def row_picture(title: str, panel: Panel) -> str:
    """The first row of a panel alone, for a row of a table."""
    drawn = _marks(panel, 0, SMALL_PX) + _interval(panel, panel.rows[0], SMALL_PX // 2)
    return _svg(title, panel.description, SMALL_PX, drawn, "intervals small")


def difference_bar(one: Comparison) -> str:
    """The difference alone, for a row of the table; empty without a champion."""
    panels = difference_panel(one)
    if not panels:
        return ""
    return row_picture(f"{one.title}: challenger minus champion, right is better", panels[0])


def loss_bar(one: FeatureImportance, others: Sequence[FeatureImportance]) -> str:
    """One feature's importance with its interval, on the scale of all `others`."""
    low = min(0.0, *(other.loss.low for other in others))
    high = max(other.loss.high for other in others) or 1.0
    row = Row(one.feature, spoken(one.loss), one.loss, "need")
    panel = Panel((row,), low, high if high > low else low + 1.0, zero=0.0)
    return row_picture(f"Importance of {one.feature}", panel)


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


def _height(panel: Panel) -> int:
    return ROW_PX * len(panel.rows) + AXIS_PX


def _panel(panel: Panel, top: int) -> str:
    bottom = top + ROW_PX * len(panel.rows)
    drawn = [_marks(panel, top + 16, bottom + 4)]
    for number, row in enumerate(panel.rows):
        y = top + ROW_PX * number
        drawn.append(
            f'<text x="0" y="{y + 11}"><tspan class="who">{escape(row.label)}</tspan> {escape(row.figure)}</text>'
        )
        drawn.append(_interval(panel, row, y + 26))
    drawn.append(
        f'<text x="0" y="{bottom + 17}" class="hint">{panel.form(panel.left)}</text>'
        f'<text x="100%" y="{bottom + 17}" text-anchor="end" class="hint">{panel.form(panel.right)}</text>'
    )
    if panel.margin is not None:
        drawn.append(
            f'<text x="50%" y="{bottom + 17}" text-anchor="middle" class="hint">'
            f"shaded: no worse than {panel.form(panel.margin)}</text>"
        )
    return "".join(drawn)


def _marks(panel: Panel, top: int, bottom: int) -> str:
    drawn = ""
    if panel.margin is not None:
        at = _x(panel, panel.margin)
        drawn += f'<rect x="{at}%" y="{top}" width="{100 - at}%" height="{bottom - top}" class="margin"/>'
        drawn += f'<line x1="{at}%" x2="{at}%" y1="{top}" y2="{bottom}" class="edge"/>'
    if panel.zero is not None:
        at = _x(panel, panel.zero)
        drawn += f'<line x1="{at}%" x2="{at}%" y1="{top}" y2="{bottom}" class="zero"/>'
    return drawn


def _interval(panel: Panel, row: Row, y: int) -> str:
    low, value, high = (_x(panel, one) for one in (row.seen.low, row.seen.value, row.seen.high))
    ends = "".join(f'<line x1="{at}%" x2="{at}%" y1="{y - 5}" y2="{y + 5}"/>' for at in (low, high))
    return (
        f'<g class="{row.kind}"><line x1="{low}%" x2="{high}%" y1="{y}" y2="{y}"/>{ends}'
        f'<circle cx="{value}%" cy="{y}" r="4.5"/></g>'
    )


def _x(panel: Panel, value: float) -> float:
    return round(SPARE_PERCENT + (100 - 2 * SPARE_PERCENT) * panel.share(value), 2)


def _svg(title: str, description: str, height: int, drawn: str, kind: str) -> str:
    return (
        f'<svg width="100%" height="{height}" role="img" class="{kind}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{drawn}</svg>"
    )
