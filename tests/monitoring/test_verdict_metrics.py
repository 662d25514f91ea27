"""The drift verdict as Prometheus sees it."""

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.exits import UsageError
from contracts.schema import write_json
from contracts.verdict import ColumnComparison, DriftVerdict, PerformanceComparison
from monitoring.verdict_metrics import write_page
from tests.refusals import refuses


def verdict(**changes: object) -> DriftVerdict:
    feature = ColumnComparison(
        column="distance", kind="feature", method="wasserstein", distance=0.1, threshold=0.25, drifted=False
    )
    prediction = feature.model_copy(update={"column": "prediction", "kind": "prediction"})
    return DriftVerdict(
        state="stable", reasons=(), model="sha256:tiny", data_digest="sha256:d", settings="sha256:5",
        traffic="replayed", reference_rows=5000, current_rows=1200,
        current_first="2013-11-01", current_last="2013-11-30", torn_lines=0, repeated_ids=0, other_models=0,
        inputs="stable", predictions="stable", columns=(feature, prediction),
        performance=PerformanceComparison(metric="roc_auc", labels=900, reference=0.71, current=0.7),
    ).model_copy(update=changes)  # fmt: skip


def page_of(folder: Path, one: DriftVerdict) -> dict[tuple[str, str], float]:
    write_json(folder / "verdict.json", one)
    os.utime(folder / "verdict.json", (1000, 1000))
    write_page(folder / "verdict.json", folder / "out" / "drift.txt")
    families = text_string_to_metric_families((folder / "out" / "drift.txt").read_text())
    return {(one.name, ",".join(one.labels.values())): one.value for family in families for one in family.samples}


def test_the_verdicts_age_is_that_of_its_file(tmp_path: Path) -> None:
    assert page_of(tmp_path, verdict())["gatehouse_drift_verdict_timestamp_seconds", ""] == 1000


def test_each_question_has_exactly_one_state(tmp_path: Path) -> None:
    page = page_of(tmp_path, verdict(state="drift", predictions="drift"))
    states = {labels for (name, labels), value in page.items() if name == "gatehouse_drift_state" and value == 1}
    assert states == {"overall,drift", "inputs,stable", "predictions,drift"}


def test_distances_stand_beside_their_thresholds(tmp_path: Path) -> None:
    page = page_of(tmp_path, verdict())
    assert page["gatehouse_drift_distance", "prediction,prediction"] == pytest.approx(0.1)
    assert page["gatehouse_drift_threshold", "prediction,prediction"] == pytest.approx(0.25)


def test_without_labels_there_is_no_performance(tmp_path: Path) -> None:
    page = page_of(tmp_path, verdict(performance=None))
    assert not [name for name, _ in page if name == "gatehouse_drift_performance"]


def test_without_a_verdict_nothing_is_written_and_the_command_is_named(tmp_path: Path) -> None:
    with refuses(UsageError, "not-there", "`make drift`"):
        write_page(tmp_path / "verdict.json", tmp_path / "drift.txt")
    assert not (tmp_path / "drift.txt").exists()


def test_a_verdict_that_cannot_be_read_keeps_the_last_page(tmp_path: Path) -> None:
    page_of(tmp_path, verdict())
    before = (tmp_path / "out" / "drift.txt").read_bytes()
    (tmp_path / "verdict.json").write_text('{"state": "fine"}')
    with refuses(UsageError, "unreadable", "`make drift`"):
        write_page(tmp_path / "verdict.json", tmp_path / "out" / "drift.txt")
    assert (tmp_path / "out" / "drift.txt").read_bytes() == before
