"""The picture of intervals as text: readable wherever Markdown is, also in private repositories, forks and mails."""

from collections.abc import Iterator

from contracts.decision import Comparison
from reports.page.intervals import Panel, Row, panels_of

# A phone's width of GitHub's code font.
COLUMNS = 38
LINE, POINT, FIRST, LAST, ZERO, MARGIN = "─", "●", "├", "┤", "│", "┆"


def text_picture(one: Comparison) -> str:
    """Champion, challenger and their difference against the margin, as a fenced block of 38 columns."""
    lines = [line for panel in panels_of(one) for line in _panel(panel)]
    return "\n".join(["```text", f"{_plain(one.title)}: right is better", *lines, "```"])


def _panel(panel: Panel) -> Iterator[str]:
    for row in panel.rows:
        yield f"{row.label} {row.figure}"
        yield _line(panel, row)
    left, right = panel.form(panel.left), panel.form(panel.right)
    yield left + " " * max(1, COLUMNS - len(left) - len(right)) + right
    if panel.margin is not None:
        yield f"{MARGIN} margin {panel.form(panel.margin)}   {ZERO} no difference"


def _line(panel: Panel, row: Row) -> str:
    signs = [" "] * COLUMNS
    low, value, high = (_column(panel, one) for one in (row.seen.low, row.seen.value, row.seen.high))
    first, last = min(low, high), max(low, high)
    signs[first : last + 1] = LINE * (last - first + 1)
    for mark, sign in ((panel.zero, ZERO), (panel.margin, MARGIN)):
        if mark is not None:
            signs[_column(panel, mark)] = sign
    if first < last:
        signs[first], signs[last] = FIRST, LAST
    signs[value] = POINT
    return "".join(signs).rstrip()


def _column(panel: Panel, value: float) -> int:
    return round((COLUMNS - 1) * panel.share(value))


def _plain(title: str) -> str:
    """The title without characters that would end its line or code block."""
    return "".join(sign if sign.isprintable() and sign != "`" else " " for sign in title)[:20]
