"""Deploys, rollbacks and retrains: found in the history, marked on plots, told in the feed and on the printed page."""

import datetime as dt
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from contracts.history import HistoryEntry
from contracts.outside.markup import showable
from contracts.stage import Build
from reports.site.build import build_site
from reports.site.events import Event, events_of
from reports.site.feed import NAMESPACE, is_news, render_feed
from reports.site.history.folder import read_run_history
from reports.site.timeline import Line, Point, heat_chart, line_chart, stack_chart
from reports.words.past import how_it_ended, model_in_words, tone_of
from tests.payloads import PAYLOADS
from tests.reports.run_histories import GITHUB
from tests.reports.scenes import past

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> tuple[HistoryEntry, ...]:
    return read_run_history(past(tmp_path_factory.mktemp("past"))).entries


def test_a_deploy_a_retrain_and_a_rollback_are_told_apart(entries: tuple[HistoryEntry, ...]) -> None:
    kinds = [event.kind for event in events_of(entries)]
    assert kinds == ["deploy", "deploy", "retrain", "deploy", "rollback"]


def test_a_history_without_any_has_no_marks(entries: tuple[HistoryEntry, ...]) -> None:
    assert events_of([entry for entry in entries if entry.event == "drift"]) == ()


def test_every_kind_of_plot_marks_an_event_inside_it_and_none_outside() -> None:
    points = tuple(Point(AT + dt.timedelta(days=day), float(day)) for day in range(5))
    lines = [Line("p50", 1, points)]
    windows = [(f"{AT + dt.timedelta(days=day):%Y-%m-%d}", {"temp": 0.5}) for day in range(5)]
    inside = Event(AT + dt.timedelta(days=2), "rollback", "2026-01-03: rollback of 1a2b")
    outside = Event(AT + dt.timedelta(days=9), "deploy", "2026-01-10: deploy")
    for drawn in (
        line_chart("a", lines, str, events=(inside, outside)),
        stack_chart("b", lines, str, (inside, outside)),
        heat_chart("c", ["temp"], windows, (inside, outside)),
    ):
        assert drawn.count('class="event rollback"') == 1
        assert "rollback of 1a2b" in drawn
        assert "2026-01-10: deploy" not in drawn


def test_events_of_one_moment_share_a_mark_and_keep_their_letters() -> None:
    lines = [Line("p50", 1, tuple(Point(AT + dt.timedelta(days=day), 1.0) for day in range(3)))]
    both = (Event(AT + dt.timedelta(days=1), "retrain", "r"), Event(AT + dt.timedelta(days=1), "deploy", "d"))
    assert ">TD</text>" in line_chart("a", lines, str, events=both)


def test_the_feed_has_decisions_and_no_drift_check_without_a_finding(entries: tuple[HistoryEntry, ...]) -> None:
    feed = ElementTree.fromstring(render_feed("flights", entries, {}, None))
    titles = [one.text for one in feed.iter(f"{{{NAMESPACE}}}title")][1:]
    assert titles == [how_it_ended(entry) for entry in reversed(entries) if is_news(entry)]
    assert titles[0] == "Rolled back"
    assert len(titles) == 9, "six runs, two findings of drift, one rollback"
    ids = [one.text for one in feed.iter(f"{{{NAMESPACE}}}id")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_from_outside_is_text_in_the_feed(entries: tuple[HistoryEntry, ...], payload: str) -> None:
    run = entries[-1]
    assert run.deployed
    named = run.model_copy(update={"deployed": run.deployed.model_copy(update={"reason": " ".join(payload.split())})})
    feed = ElementTree.fromstring(render_feed("flights", (named,), {}, None))
    (summary,) = feed.iter(f"{{{NAMESPACE}}}summary")
    assert len(summary) == 0
    assert summary.text == showable(" ".join(payload.split()))


@pytest.mark.parametrize("sign", ["\x00", "\x0b", "\x1b[2J", "\ufffe", "\ud800"])
def test_no_sign_that_xml_lacks_takes_the_feed_from_its_readers(
    entries: tuple[HistoryEntry, ...], tmp_path: Path, sign: str
) -> None:
    run = entries[-1]
    assert run.deployed
    named = run.model_copy(update={"deployed": run.deployed.model_copy(update={"reason": f"carrier {sign} is late"})})
    path = tmp_path / "decisions.xml"
    path.write_text(render_feed(f"flights{sign}", (named,), {}, None), encoding="utf-8")
    (summary,) = ElementTree.parse(path).getroot().iter(f"{{{NAMESPACE}}}summary")
    assert (summary.text or "").startswith("carrier \ufffd")


def test_the_page_to_print_says_what_runs_why_and_what_ran_before(tmp_path: Path) -> None:
    page = build_site("flights", Build(tmp_path / "build"), past(tmp_path / "past"), GITHUB)
    text = (page.parent / "production.html").read_text(encoding="utf-8")
    for said in (
        "by a rollback",
        "p95 doubled; back to what ran.",
        "it ranks the “late” one higher 74 times in 100",
        "What it was judged by",
        "without a model",
        "What was put into production, newest first",
        "Deployed: a first champion",
        "@page { size: A4",
    ):
        assert said in text
    assert "production.html" in page.read_text(encoding="utf-8")
    assert "decisions.xml" in page.read_text(encoding="utf-8")


def test_nothing_in_production_is_said_on_the_page_to_print_too(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    page = build_site("flights", Build(tmp_path / "none"), tmp_path / "empty", {})
    assert "Nothing is in production yet" in (page.parent / "production.html").read_text(encoding="utf-8")


def test_each_kind_of_run_has_its_words_and_tone(entries: tuple[HistoryEntry, ...]) -> None:
    said = {how_it_ended(entry): tone_of(entry) for entry in entries}
    assert said == {
        "Deployed: a first champion": "good",
        "Passed: as good as the champion": "good",
        "Rejected: worse than the champion, and calibration does not hold": "bad",
        "Deployed: better than the champion": "good",
        "Deployed: as good as the champion": "good",
        "Stopped at load-test": "bad",
        "Nothing moved that asks for a person": "good",
        "Drift: what is served has moved away from training": "bad",
        "Rolled back": "open",
    }


def test_an_entry_of_before_has_no_sentence_about_its_model(entries: tuple[HistoryEntry, ...]) -> None:
    run = next(entry for entry in entries if entry.model)
    assert run.model
    said = model_in_words(run)
    assert said.startswith("Of one row that is “late”")
    assert "without a model" in said.lower()
    assert "95 in 100 within" in said
    assert model_in_words(run.model_copy(update={"model": run.model.model_copy(update={"task": ""})})) == ""
