"""docs/dashboards.md: each panel has a picture of what its own query was answered, as it is asked and drawn now."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from testbed.programs import ROOT
from tests.monitoring.dashboards import DASHBOARDS, Answers, PanelAnswers, Series, panels_of, queries_of
from tests.monitoring.dashboards_page import PAGE, PICTURES, WHOLE, files_of, picture_of, read_answers
from tests.monitoring.panel_pictures import Frame, form_of, panel_picture

SVG = "{http://www.w3.org/2000/svg}"
PANELS = [(path, panel) for path in DASHBOARDS for panel in panels_of(path)]
NAMES = [f"{path.stem}/{panel['id']}" for path, panel in PANELS]
# A panel's own file on the page, and all of them together.
MOST_BYTES, MOST_BYTES_TOGETHER = 60_000, 1_000_000


def test_the_answers_are_to_the_queries_that_the_dashboards_ask_now() -> None:
    asked = {name: queries_of(panel) for name, (_, panel) in zip(NAMES, PANELS, strict=True)}
    assert {name: one.queries for name, one in read_answers().panels.items()} == asked, "run `make dashboards`"


def test_page_and_pictures_are_drawn_from_the_answers_as_they_are_drawn_now() -> None:
    older = [path for path, text in files_of(read_answers()) if path.read_text(encoding="utf-8") != text]
    assert older == [], "run `python -m tests.monitoring.draw_dashboards --redraw`"


@pytest.mark.parametrize(("path", "panel"), PANELS, ids=NAMES)
def test_a_panel_has_a_picture_with_its_figures_in_words_and_as_a_table(path: Path, panel: dict[str, object]) -> None:
    picture = picture_of(path, panel)
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert drawn.findtext(f"{SVG}title") == panel["title"]
    assert drawn.findtext(f"{SVG}desc")
    assert len(picture.read_bytes()) < MOST_BYTES
    assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")
    (alternative,) = re.findall(
        rf"!\[([^\]]+)\]\({picture.relative_to(PAGE.parent)}\)", PAGE.read_text(encoding="utf-8")
    )
    assert alternative.startswith(f"{panel['title']}: ")
    chapter = (
        PAGE.read_text(encoding="utf-8").partition(f"({picture.relative_to(PAGE.parent)})")[2].partition("\n###")[0]
    )
    assert "```promql" in chapter
    assert re.search(r"\| series \| least \| most \| at the end \|\n\| --- .*\n\| .+ \|", chapter)


def test_nothing_else_is_there_and_all_of_it_is_small() -> None:
    kept = {path.name for path in PICTURES.iterdir()}
    assert kept == {picture_of(path, panel).name for path, panel in PANELS} | {"answers.json"}
    assert sum(len(path.read_bytes()) for path in PICTURES.iterdir()) < MOST_BYTES_TOGETHER
    assert len(WHOLE.read_bytes()) < 300_000
    assert "<script" not in WHOLE.read_text(encoding="utf-8")


def test_the_answers_show_what_happened() -> None:
    """The scene that the page tells: a deploy, requests that were shed, a replica that was gone, values never seen."""
    seen = read_answers()
    assert [one.seconds > 0 for one in seen.deploys] == [True]
    assert max(highest(seen, "service/12")) > 0
    assert min(value for one in seen.panels["service/17"].series for value in one.values if value is not None) == 0
    assert max(highest(seen, "drift/9")) > 0
    assert max(highest(seen, "drift/10")) > 0


def highest(seen: Answers, name: str) -> list[float]:
    return [value for one in seen.panels[name].series for value in one.values if value is not None]


def test_a_gap_is_drawn_as_a_gap_and_a_hostile_name_as_text() -> None:
    panel = {"title": "<b>&", "type": "timeseries", "fieldConfig": {"defaults": {"unit": "s"}}}
    one = Series(legend="</svg><script>", labels={}, values=(1.0, 2.0, None, 3.0, 4.0))
    answers = Answers(step_seconds=60, steps=5, deploys=(), panels={})
    text = panel_picture(Frame(panel, PanelAnswers(queries=("up",), series=(one,)), answers, 400, 200))
    drawn = ElementTree.fromstring(text)
    assert len(drawn.findall(f".//{SVG}polyline")) == 2
    assert "<script" not in text


@pytest.mark.parametrize(("unit", "value", "written"), [
    ("s", 0.00042, "420 µs"), ("s", 0.0123, "12.3 ms"), ("s", 90, "1.5 min"), ("s", 7200, "2 h"), ("s", 0, "0 s"),
    ("percentunit", 0.0123, "1.23 %"), ("reqps", 12.345, "12.3/s"), ("bytes", 101_200_000, "101 MB"),
    ("none", 12345.6, "12,350"), ("none", -0.5, "−0.5"),
])  # fmt: skip
def test_a_unit_is_written_as_people_read_it(unit: str, value: float, written: str) -> None:
    assert form_of(unit)(value) == written


def test_every_dashboard_that_the_page_shows_is_a_file() -> None:
    shown = re.findall(r"(?m)^## (\w+)$", PAGE.read_text(encoding="utf-8"))
    assert [name.lower() for name in shown] == [path.stem for path in DASHBOARDS]
    assert json.loads((ROOT / "monitoring/grafana/dashboards/service.json").read_text())["title"] in shown
