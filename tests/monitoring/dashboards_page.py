"""docs/dashboards.md and its pictures, made of the answers that `make dashboards` keeps beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.schema import read_json
from testbed.programs import ROOT
from tests.monitoring.dashboards import DASHBOARDS, Answers, PanelAnswers, panels_of
from tests.monitoring.panel_pictures import Frame, drawn_panel, known, panel_picture, style, told_of

PAGE = ROOT / "docs" / "dashboards.md"
PICTURES = ROOT / "docs" / "pictures" / "dashboards"
ANSWERS = PICTURES / "answers.json"
WHOLE = ROOT / "docs" / "pictures" / "dashboard.svg"
SHOWN_WHOLE = "service"
# Of the whole dashboard: Grafana's grid has 24 columns. Of a panel by itself: a phone's width.
COLUMN_PX, ROW_PX = 50, 30
WIDTH, HEIGHT, LOW_HEIGHT = 420, 240, 110
MOST_ROWS = 12
BEGIN = """# The dashboards

`docker compose up` brings three dashboards to Grafana: Service, Model and Drift ([compose.md](compose.md)). Each can be
narrowed to one model by its digest, marks deploys (**D**), and links to [the runbook](runbook.md), to what is in
production and why, and to the reports of drift (`RUNBOOK_URL`, `SITE_URL`). A panel that an alert watches links to that
alert's section.

**These pictures are not Grafana's**, which runs in no test here. Each is drawn from what a real Prometheus answered to
the panel's own query, over four minutes of two replicas behind the real edge, scraped each second (`make dashboards`).
In them the challenger is deployed at 45 s, clients rush in at 90 s until requests are shed, a replica is killed at
125 s, a client sends values that training never saw from 160 s on, and a second drift verdict comes in at 185 s. Three
weeks of earlier scores, which one panel compares, are made up.
"""


def read_answers() -> Answers:
    """What Prometheus answered when the pictures were drawn."""
    return read_json(ANSWERS, Answers, "make dashboards")


def files_of(answers: Answers) -> Iterator[tuple[Path, str]]:
    """Every file that is made of the answers."""
    for path in DASHBOARDS:
        for panel in panels_of(path):
            yield picture_of(path, panel), panel_picture(_frame(path, panel, answers))
    whole = next(path for path in DASHBOARDS if path.stem == SHOWN_WHOLE)
    yield WHOLE, _whole(whole, answers)
    yield PAGE, "\n".join([BEGIN, *(part for path in DASHBOARDS for part in _chapter(path, answers))])


def draw() -> None:
    """Write them, and take away pictures of panels that are gone."""
    files = dict(files_of(read_answers()))
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    for path in PICTURES.glob("*.svg"):
        if path not in files:
            path.unlink()


def picture_of(dashboard: Path, panel: dict[str, Any]) -> Path:
    """Where a panel's picture is."""
    return PICTURES / f"{dashboard.stem}-{panel['id']}.svg"


def _frame(dashboard: Path, panel: dict[str, Any], answers: Answers) -> Frame:
    seen = answers.panels[f"{dashboard.stem}/{panel['id']}"]
    is_low = panel["type"] == "stat" or (panel["type"] == "table" and len(seen.series) < 3)
    return Frame(panel, seen, answers, WIDTH, LOW_HEIGHT if is_low else HEIGHT)


def _whole(dashboard: Path, answers: Answers) -> str:
    """All panels at their places in the grid."""
    drawn, told, bottom = [], [], 0
    for panel in panels_of(dashboard):
        place, seen = panel["gridPos"], answers.panels[f"{dashboard.stem}/{panel['id']}"]
        frame = Frame(panel, seen, answers, place["w"] * COLUMN_PX - 8, place["h"] * ROW_PX - 8)
        at = f'transform="translate({place["x"] * COLUMN_PX + 4} {place["y"] * ROW_PX + 4})"'
        drawn.append(f"<g {at}>{drawn_panel(frame)}</g>")
        told.append(f"{panel['title']}: {told_of(panel, seen)}")
        bottom = max(bottom, (place["y"] + place["h"]) * ROW_PX)
    head = f"<title>The dashboard {dashboard.stem}</title><desc>{_plain('. '.join(told))}</desc>"
    sheet = f"<style>{style()} svg {{ background: var(--back); }}</style>"
    size = f'viewBox="0 0 {24 * COLUMN_PX} {bottom}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{head}{sheet}{"".join(drawn)}</svg>\n'


def _chapter(dashboard: Path, answers: Answers) -> Iterator[str]:
    yield f"## {dashboard.stem.capitalize()}\n"
    for panel in panels_of(dashboard):
        seen = answers.panels[f"{dashboard.stem}/{panel['id']}"]
        yield f"### {dashboard.stem.capitalize()}: {panel['title']}\n"
        if links := panel.get("links"):
            alerts = [link["url"].partition("#")[2] for link in links]
            names = [link["title"].removeprefix("Runbook: ") for link in links]
            watched = ", ".join(f"[{name}](runbook.md#{place})" for name, place in zip(names, alerts, strict=True))
            yield f"{panel['description']} Watched by {watched}.\n"
        elif panel["description"]:
            yield f"{panel['description']}\n"
        picture = picture_of(dashboard, panel).relative_to(PAGE.parent)
        yield f"![{_alt(panel, seen)}]({picture})\n"
        yield f"<details><summary>{panel['title']}: query and figures</summary>\n"
        yield "\n".join(["```promql", *seen.queries, "```", ""])
        yield "\n".join(["| series | least | most | at the end |", "| --- | --- | --- | --- |", *_rows(panel, seen)])
        yield "\n</details>\n"


def _rows(panel: dict[str, Any], seen: PanelAnswers) -> Iterator[str]:
    frame = Frame(panel, seen, Answers(step_seconds=1, steps=1, deploys=(), panels={}), 1, 1)
    for one in seen.series[:MOST_ROWS]:
        values, latest = known(one), one.values[-1]
        name = " ".join(one.labels.values()) if panel["type"] == "table" else one.legend
        ends = "none" if latest is None else frame.form(latest)
        yield f"| {name} | {frame.form(min(values))} | {frame.form(max(values))} | {ends} |"
    if len(seen.series) > MOST_ROWS:
        yield f"| and {len(seen.series) - MOST_ROWS} more | | | |"


def _alt(panel: dict[str, Any], seen: PanelAnswers) -> str:
    return f"{panel['title']}: {told_of(panel, seen)}".replace("[", "(").replace("]", ")")


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
