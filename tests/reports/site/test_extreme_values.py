"""Files that fit their schemas and hold what no stage writes: no page, comment, site or feed breaks on them.

Each is a real run's or history's, of which some values are replaced by extremes of their kind. What fits its schema is
shown, and what does not is named as unreadable.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.history import HistoryEntry
from contracts.stage import Build
from reports.page.report_page import render_page
from reports.page.summary import render_summary
from reports.results import read_results
from reports.site.feed import render_feed
from reports.site.first_page import production_of, render_production, render_site
from reports.site.history.drill_tables import DrillTables
from reports.site.history.folder import RunHistory
from tests.reports.run_histories import complete_run, write_run_history

NUMBERS = (0, -1, 1, 7, 255, 10**15, -(10**15), 10**18, 1e15, 1e100, -1e100, 1.7e308, -1.7e308, 5e-324, 10**400)
TEXTS = ("", "x" * 600, "x" * 10_000, "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "none", "\x00\x1b")
OTHERS: tuple[Any, ...] = (None, True, False, 0.5, "", [], {})
Path_ = tuple[Any, ...]


def places(document: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of each value in a document."""
    if path:
        yield path
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        yield from places(value, (*path, key))


def replaced(document: Any, draw: Callable[[Any], Any]) -> Any:
    """A copy with one to four other values."""
    copy = json.loads(json.dumps(document))
    for path in draw(st.lists(st.sampled_from(list(places(document))), min_size=1, max_size=4)):
        holder = copy
        for key in path[:-1]:
            holder = holder[key] if isinstance(holder, dict | list) and _has(holder, key) else None
        if isinstance(holder, dict | list) and _has(holder, path[-1]):
            holder[path[-1]] = draw(_other(holder[path[-1]]))
    return copy


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder)


def _other(value: Any) -> st.SearchStrategy[Any]:
    if isinstance(value, bool) or value is None:
        return st.sampled_from(OTHERS)
    if isinstance(value, int | float):
        return st.sampled_from(NUMBERS)
    if isinstance(value, str):
        return st.sampled_from(TEXTS)
    return st.sampled_from(([], value * 40, value[:1]) if isinstance(value, list) else ({}, None))


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    root = tmp_path_factory.mktemp("history")
    write_run_history(root / "history", root / "past", 4)
    return [json.loads(path.read_text()) for path in sorted((root / "history").glob("runs/*/*.json"))]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_history_of_any_values_makes_a_site(entries: list[Any], data: st.DataObject) -> None:
    read = []
    for document in entries:
        try:
            read.append(HistoryEntry.model_validate_json(json.dumps(replaced(document, data.draw))))
        except ValidationError:
            read.append(HistoryEntry.model_validate_json(json.dumps(document)))
    run_history = RunHistory(tuple(read), ())
    production = production_of(run_history.entries)
    assert "</html>" in render_site("flights", run_history, production, [], DrillTables(), None)
    assert "</html>" in render_production("flights", run_history, production, None, "2026-01-01T00:00:00Z")
    assert "</feed>" in render_feed("flights", run_history.entries, {}, None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return complete_run(tmp_path_factory.mktemp("run") / "build")


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_run_of_any_values_makes_a_comment_and_a_page(run: Build, data: st.DataObject) -> None:
    read = [path for path in sorted(run.root.rglob("*.json")) if "drills" not in path.parts]
    path = data.draw(st.sampled_from(read))
    before = path.read_bytes()
    try:
        path.write_text(json.dumps(replaced(json.loads(before), data.draw)))
        results = read_results(run)
        assert render_summary(results, "pull request").startswith("## ")
        assert "</html>" in render_page(results, run.stage("report"))
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("at",), "2026-02-30T00:00:00Z"),
        (("at",), "9999-12-31T23:59:59Z"),
        (("stages", 0, "exit_code"), 137),
        (("load", "p99_ms"), 1e300),
        (("decision", "metrics", 0, "value"), -1.7e308),
        (("load", "requests"), 10**18),
    ],
)
def test_an_entry_that_no_job_writes_is_unreadable(entries: list[Any], path: Path_, value: Any) -> None:
    document = json.loads(json.dumps(next(one for one in entries if one["event"] == "run")))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    assert HistoryEntry.model_validate_json(json.dumps(document)).id == document["id"]
    holder[path[-1]] = value
    with pytest.raises(ValidationError):
        HistoryEntry.model_validate_json(json.dumps(document))
