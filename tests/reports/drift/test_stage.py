"""The drift stage on real logs, with Evidently itself: states, exit codes, files, and whose thresholds count."""

import json
import os
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from contracts.exits import Exit
from contracts.request_log import SourceRecord
from contracts.schema import Task, read_json
from contracts.stage import Build, StageRecord, execute
from contracts.verdict import ColumnComparison, DriftVerdict
from reports.drift.stage import work
from tests.reports.logged_requests import records, rows, write_config, write_log, write_model


def run(
    root: Path, traffic: pd.DataFrame, drift: str = "", task: Task = "binary", logged: tuple[str, ...] | None = None
) -> tuple[Exit, DriftVerdict]:
    build = Build(root)
    digest = write_model(build, task, logged)
    write_log(build.stage("load-test") / "requests", records(traffic, digest, task))
    code = execute("drift", write_config(root / "pipeline.toml", drift, task), build, work)
    return code, read_json(build.stage("drift") / "verdict.json", DriftVerdict, "make drift")


def column(verdict: DriftVerdict, name: str) -> ColumnComparison:
    return next(one for one in verdict.columns if one.column == name)


def refused(root: Path) -> str:
    """The headline of a run that must end in exit 2."""
    assert execute("drift", write_config(root / "pipeline.toml"), Build(root), work) is Exit.USAGE
    return read_json(root / "drift" / "stage.json", StageRecord, "make drift").headline


def test_the_same_distribution_is_stable_and_nothing_calls_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    code, verdict = run(tmp_path, rows(1500, seed=2))
    assert (code, verdict.state) == (Exit.PASS, "stable")
    assert verdict.traffic.endswith("2013-10-01 to 2013-10-30")
    assert (os.environ["DO_NOT_TRACK"], called) == ("1", [])


def test_distances_are_scipys_and_the_page_has_our_thresholds(tmp_path: Path) -> None:
    traffic = rows(1500, seed=2)
    own = '[drift.columns.wind]\nmethod = "jensenshannon"\neffect = 0.8'
    _, verdict = run(tmp_path, traffic.assign(temp=traffic["temp"] + 3), own)
    reference = pd.read_parquet(tmp_path / "train" / "model" / "reference.parquet")
    shifted = (traffic["temp"] + 3).astype(np.float32)
    normed = wasserstein_distance(reference["temp"], shifted) / reference["temp"].std(ddof=0)
    shares = [table["carrier"].value_counts(normalize=True).sort_index().tolist() for table in (reference, traffic)]
    assert column(verdict, "temp").distance == pytest.approx(normed, rel=1e-5)
    assert column(verdict, "carrier").distance == pytest.approx(jensenshannon(shares[0], shares[1]), rel=1e-9)
    metrics = json.loads((tmp_path / "drift" / "evidently.json").read_text())["metrics"]
    applied = {
        metric["config"]["column"]: (metric["config"]["method"], metric["config"]["threshold"], metric["value"])
        for metric in metrics
        if "column" in metric["config"]
    }
    shown = [one for one in verdict.columns if one.column in applied]
    assert {one.column for one in shown} == {"temp", "wind", "holiday", "carrier", "prediction"}
    assert {one.column: one.threshold for one in shown} == {name: seen[1] for name, seen in applied.items()}
    alike = {one.column: one.distance for one in shown if one.column != "wind"}  # whose deciles are ours
    assert alike == pytest.approx({name: applied[name][2] for name in alike}, rel=1e-5)
    assert applied["wind"][:2] == ("jensenshannon", 0.8)


def test_inputs_that_moved_are_drift_and_pass_in_the_chain(tmp_path: Path) -> None:
    traffic = rows(800, seed=2)
    without_ua = traffic["carrier"].replace("UA", "AA")
    code, verdict = run(tmp_path, traffic.assign(temp=traffic["temp"] + 8, carrier=without_ua))
    assert (code, verdict.inputs, verdict.predictions) == (Exit.PASS, "drift", "stable")
    assert {one.column.partition(",")[0] for one in verdict.columns if one.drifted} == {"temp", "carrier"}


def test_drift_is_a_finding_where_it_blocks_deploys(tmp_path: Path) -> None:
    traffic = rows(800, seed=2)
    moved = traffic.assign(prediction=np.sqrt(traffic["prediction"]))
    code, verdict = run(tmp_path, moved, "blocks_deploy = true")
    assert (code, verdict.state, verdict.inputs) == (Exit.FINDING, "drift", "stable")


def test_too_few_rows_are_insufficient_and_still_drawn(tmp_path: Path) -> None:
    code, verdict = run(tmp_path, rows(3, seed=2), "blocks_deploy = true")
    assert (code, verdict.state, verdict.current_rows) == (Exit.FINDING, "insufficient", 3)
    assert (tmp_path / "drift" / "evidently.html").stat().st_size > 100_000


def test_a_feature_that_arrives_empty_has_drifted_by_what_is_missing(tmp_path: Path) -> None:
    _, verdict = run(tmp_path, rows(800, seed=2).assign(temp=np.nan), "")
    assert verdict.inputs == "drift"
    assert column(verdict, "temp is missing").drifted
    assert not column(verdict, "wind is missing").drifted
    assert "temp" not in {one.column for one in verdict.columns}


def test_features_that_are_not_logged_are_left_out_and_named(tmp_path: Path) -> None:
    _, verdict = run(tmp_path, rows(800, seed=2), logged=("temp", "holiday"))
    names = {one.column for one in verdict.columns if not one.column.endswith(" is missing")}
    assert names == {"temp", "temp at one value", "holiday", "prediction"}
    assert any("wind, carrier (service.logged_features)" in one for one in verdict.reasons)


def test_a_category_with_markup_does_not_break_out_of_the_page(tmp_path: Path) -> None:
    run(tmp_path, rows(800, seed=2).assign(carrier="</script><b>injected"))
    assert "injected" not in (tmp_path / "drift" / "evidently.html").read_text()


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_compare_their_own_predictions(tmp_path: Path, task: Task) -> None:
    code, verdict = run(tmp_path, rows(800, seed=2, task=task), task=task)
    prediction = column(verdict, "prediction")
    assert (code, verdict.state, prediction.kind) == (Exit.PASS, "stable", "prediction")
    assert prediction.method == {"multiclass": "jensenshannon", "regression": "wasserstein"}[task]


def test_an_absent_log_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    write_model(Build(tmp_path))
    assert "`make load-test`" in refused(tmp_path)


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    write_model(Build(tmp_path))
    write_log(tmp_path / "load-test" / "requests", ["\x00\x01\x02", "{"])
    assert "none of 2 lines" in refused(tmp_path)


def test_an_absent_model_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    write_model(Build(tmp_path))
    (tmp_path / "train" / "model" / "model.json").unlink()
    assert "`make train`" in refused(tmp_path)


def test_a_reference_that_was_changed_is_refused(tmp_path: Path) -> None:
    write_model(Build(tmp_path))
    rows(2000, seed=9).to_parquet(tmp_path / "train" / "model" / "reference.parquet")
    assert execute("drift", write_config(tmp_path / "pipeline.toml"), Build(tmp_path), work) is Exit.FINDING
    assert not (tmp_path / "drift" / "verdict.json").exists()


def test_a_log_of_other_models_is_insufficient_not_stable(tmp_path: Path) -> None:
    write_model(Build(tmp_path))
    write_log(tmp_path / "load-test" / "requests", records(rows(600, seed=2), "sha256:" + "b" * 64))
    assert execute("drift", write_config(tmp_path / "pipeline.toml"), Build(tmp_path), work) is Exit.PASS
    verdict = read_json(tmp_path / "drift" / "verdict.json", DriftVerdict, "make drift")
    assert (verdict.state, verdict.other_models, verdict.columns) == ("insufficient", 600, ())


def test_a_small_table_that_is_replayed_many_times_is_worth_its_rows(tmp_path: Path) -> None:
    few = rows(100, seed=2)
    many = records(pd.concat([few] * 20, ignore_index=True), write_model(Build(tmp_path)))
    folder = tmp_path / "load-test" / "requests"
    write_log(folder, many)
    lines = [SourceRecord(id=one.id, row=place % 100).model_dump_json() for place, one in enumerate(many)]
    (folder / "sources-load-test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    execute("drift", write_config(tmp_path / "pipeline.toml", "min_rows = 50"), Build(tmp_path), work)
    verdict = read_json(tmp_path / "drift" / "verdict.json", DriftVerdict, "make drift")
    assert (verdict.state, verdict.effective_rows, verdict.replayed_copies) == ("stable", 100, 1900)
    assert (column(verdict, "temp").by_chance or 0) > 0.15  # as for 100 rows, not for 2,000
