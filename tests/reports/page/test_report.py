"""The report: complete after a whole run, honest after a broken one, harmless whatever the values say."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contracts.decision import Comparison, Decision, Interval
from contracts.exits import Exit
from contracts.schema import read_json, write_json
from contracts.stage import Build, execute
from contracts.verdict import DriftVerdict, LoadVerdict
from reports.page.pictures import difference_bar, interval_picture
from reports.page.report_page import render_page
from reports.page.stage import stage_table, work
from reports.page.summary import LIMIT_BYTES
from reports.results import read_results
from reports.words.verdict import verdict_of
from tests.payloads import PAYLOADS
from tests.reports.records import load_verdict, paired_run, whole_run, write_record

CONFIG = Path("pipeline.toml")


class Tags(HTMLParser):
    """Collects every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def render(build: Build) -> tuple[str, str]:
    assert execute("report", CONFIG, build, work) == Exit.PASS
    return (build.root / "report" / "index.html").read_text(), (build.root / "report" / "summary.md").read_text()


def headline(build: Build) -> str:
    return verdict_of(read_results(build)).headline


def cells(summary: str, row: str) -> list[str]:
    """The cells of the summary's row with this first cell."""
    line = next(line for line in summary.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_whole_run_shows_every_stages_figures(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    page, summary = render(build)
    for text in (
        headline(build),
        "ROC AUC",
        "equivalent",
        "+0.002 (−0.004 to +0.008)",
        "1.50 ms",
        "carrier",
    ):
        assert text in page
    assert f"## ⚠️ {headline(build)}" in summary
    figure, difference = "0.740 (0.730 to 0.750)", "+0.002 (−0.004 to +0.008)"
    assert cells(summary, "**ROC AUC**, decides") == [figure, figure, difference, "equivalent", "0.500"]


def test_challenger_and_champion_under_load_stand_side_by_side(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    alone = read_json(build.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")
    page, summary = render(build)
    assert "Challenger against champion" not in page
    assert "| cpu |" not in summary
    write_json(build.stage("load-test") / "verdict.json", alone.model_copy(update={"paired": paired_run()}))
    page, summary = render(build)
    assert "served as the champion&#39;s own image" in page
    assert "1.180 … 1.260" in page
    assert "Challenger against champion" in page
    assert cells(summary, "cpu") == ["400.00", "488.00", "1.220", "1.180 … 1.260", "❌"]


def test_a_stage_that_was_skipped_is_not_shown_as_passed(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    write_record(build, "build", verdict="skipped", headline="no container engine: There is none.")
    page, summary = render(build)
    assert cells(summary, "build")[0] == "➖ skipped"
    assert '<li class="open"><b>build</b>skipped' in page
    assert "build was skipped" in headline(build)
    assert headline(build) in page
    assert f"## ⚠️ {headline(build)}" in summary
    assert "5 of 6" in summary


def test_a_chain_in_which_nothing_was_skipped_or_found_passed(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    path = build.stage("drift") / "verdict.json"
    write_json(path, read_json(path, DriftVerdict, "make drift").model_copy(update={"state": "stable"}))
    page, summary = render(build)
    assert headline(build) in page
    assert f"## ✅ {headline(build)}" in summary


def test_a_chain_that_stopped_says_where_and_why(tmp_path: Path) -> None:
    build = Build(tmp_path)
    write_record(build, "data")
    reason = "The export flips 12 labels."
    write_record(build, "train", exit_code=3, headline=reason)
    page, summary = render(build)
    assert "Stopped at train" in page
    assert reason in page
    assert cells(summary, "evaluate")[0] == "not run"
    assert "Stopped at train" in summary


def test_nothing_at_all_is_reported_as_unfinished(tmp_path: Path) -> None:
    page, summary = render(Build(tmp_path))
    assert "Unfinished" in page
    assert "Unfinished" in summary


def test_a_verdict_on_another_model_is_pointed_out(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    write_json(build.stage("load-test") / "verdict.json", load_verdict("sha256:" + "e" * 64))
    page, summary = render(build)
    assert headline(build) in page
    assert headline(build) in summary
    assert '<li class="stale"><b>load-test</b>ready' in page
    assert "<code>eeeeeeeeeeee</code>" in page
    assert cells(summary, "load-test")[0].startswith("⚠️ ready, ")
    assert page.count('stale"') == 1, "and no other stage"


def test_a_damaged_verdict_is_not_shown(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    (build.stage("load-test") / "verdict.json").write_text('{"verdict": "pass"')
    assert read_results(build).load is None


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_value_becomes_markup_in_the_page(tmp_path: Path, payload: str) -> None:
    harmless, _ = render(whole_run(tmp_path / "a"))
    page, _ = render(whole_run(tmp_path / "b", text=payload))
    expected, seen = Tags(), Tags()
    expected.feed(harmless)
    seen.feed(page)
    assert [tag for tag, _ in seen.tags] == [tag for tag, _ in expected.tags]


def test_no_value_is_taken_for_a_template(tmp_path: Path) -> None:
    template = "{{ 7 * 7 }}"
    page, _ = render(whole_run(tmp_path, text=template))
    assert f"{template} moved." in page


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_value_becomes_markup_in_the_summary(tmp_path: Path, payload: str) -> None:
    _, harmless = render(whole_run(tmp_path / "a"))
    _, summary = render(whole_run(tmp_path / "b", text=payload))
    assert len(summary.splitlines()) == len(harmless.splitlines())
    for sign in ("<script", "<img", "<svg", "@everyone"):
        assert sign not in summary
    assert not re.search(r"(?<!\\)\]\(", summary), "a link"


def test_a_relaxed_threshold_has_its_own_line_in_the_summary(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    _, silent = render(build)
    path = build.stage("evaluate") / "decision.json"
    decided = read_json(path, Decision, "make evaluate")
    relaxed = "gate.margin is 0.04; it was 0.01."
    write_json(path, decided.model_copy(update={"relaxed": (relaxed,)}))
    _, summary = render(build)
    assert "gate.margin" not in silent
    (line,) = [line for line in summary.splitlines() if relaxed in line]
    assert line.startswith("> ⚠️ ")


def test_the_summary_fits_a_comment_whatever_it_is_given(tmp_path: Path) -> None:
    build = whole_run(tmp_path, text="x" * 9_000)
    _, summary = render(build)
    assert len(summary.encode()) <= LIMIT_BYTES
    assert summary.startswith(f"## ⚠️ {headline(build)}")
    assert summary.count("<details>") == summary.count("</details>") > 0


def test_every_link_of_the_page_leads_to_a_file(tmp_path: Path) -> None:
    build = whole_run(tmp_path)
    (build.stage("drift") / "evidently.html").write_text("<p>Evidently</p>")
    page, _ = render(build)
    links = [href for href in re.findall(r'href="([^"]+)"', page) if not href.startswith("data:")]
    assert "../drift/evidently.html" in links
    assert all((build.root / "report" / href).exists() for href in links)


def test_the_page_needs_no_script_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    page, _ = render(whole_run(tmp_path))
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_stage_table_names_every_stage(tmp_path: Path) -> None:
    build = Build(tmp_path)
    write_record(build, "data", headline="first line\nsecond line")
    lines = stage_table(read_results(build)).splitlines()
    assert lines[1].split() == ["data", "ready", "1.5", "first", "line"]
    assert lines[2].split() == ["train", "not", "run"]
    assert lines[-1].split() == ["total", "1.5"]


def comparison(low: float, value: float, high: float, *, higher_is_better: bool) -> Comparison:
    figure = Interval(value=0.5, low=0.4, high=0.6)
    return Comparison(
        metric="brier",
        title="Brier <score>",
        higher_is_better=higher_is_better,
        challenger=figure,
        champion=figure,
        difference=Interval(value=value, low=low, high=high),
        outcome="better",
        decides=False,
        method="paired",
    )


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_right_of_the_zero_line_is_always_better(higher_is_better: bool) -> None:
    sign = 1 if higher_is_better else -1
    low, high = sorted((sign * 0.01, sign * 0.03))
    svg = ElementTree.fromstring(difference_bar(comparison(low, sign * 0.02, high, higher_is_better=higher_is_better)))
    zero = next(percent(line.attrib["x1"]) for line in svg.iter("line") if line.attrib.get("class") == "zero")
    assert next(percent(circle.attrib["cx"]) for circle in svg.iter("circle")) > zero


def test_a_picture_carries_its_text() -> None:
    svg = ElementTree.fromstring(interval_picture(comparison(-0.01, 0.0, 0.01, higher_is_better=True)))
    assert svg.findtext("title") == "Brier <score>: right is better"
    assert "difference 0.000 (−0.010 to +0.010)" in (svg.findtext("desc") or "")


def test_a_zero_difference_is_drawn_on_the_zero_line() -> None:
    assert "nan" not in interval_picture(comparison(0.0, 0.0, 0.0, higher_is_better=True))


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\x1b", "\x00", "\x9b"])
def test_no_sign_from_outside_turns_a_page_round_or_breaks_it(tmp_path: Path, sign: str) -> None:
    build = whole_run(tmp_path / "build")
    write_record(build, "data", 3, f"The column late{sign}detomorp is gone.")
    results = read_results(build)
    page = render_page(results, build.stage("report"))
    page.encode()
    assert sign not in page
    assert "late\ufffddetomorp" in page
