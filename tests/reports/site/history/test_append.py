"""The history: one small file a run, refused when something is off, pruned, and a year of it under 200 MB."""

import datetime as dt
import json
from pathlib import Path

import pytest

from contracts.exits import Exit, UsageError
from contracts.history import HistoryEntry
from contracts.release import Deployment
from contracts.schema import MOST_JSON_BYTES, read_json, write_json
from contracts.stage import Build
from reports.site.history.append import main, remember
from reports.site.history.entry import event_of
from reports.site.history.folder import KEPT_RUNS, prune, read_run_history
from reports.site.history.workflow_run import workflow_run
from tests.payloads import PAYLOADS
from tests.reports.records import drift_verdict, load_verdict, write_record
from tests.reports.run_histories import FIRST, GITHUB, append, complete_run, write_run_history

MEGABYTE = 1_000_000


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def only_entry(history: Path) -> HistoryEntry:
    (path,) = (history / "runs").glob("*/*.json")
    return read_json(path, HistoryEntry, "make history")


def refused(root: Path, build: Build) -> UsageError:
    """The error for a build that must not be recorded; nothing is written."""
    history = root / "history"
    with pytest.raises(UsageError) as refusal:
        remember(history, build, "run", FIRST, {})
    assert not history.exists()
    return refusal.value


def test_a_run_is_remembered_with_every_figure_that_the_site_shows(tmp_path: Path) -> None:
    append(tmp_path / "history", complete_run(tmp_path / "build"), 0, "run")
    entry = only_entry(tmp_path / "history")
    assert (entry.id, entry.at, entry.event) == ("20260101T051700Z-run-1000-1", "2026-01-01T05:17:00Z", "run")
    assert entry.workflow is not None
    assert entry.workflow.url == "https://github.com/acme/flights/actions/runs/1000/attempts/1"
    assert entry.decision is not None
    assert [(one.metric, one.value, one.champion) for one in entry.decision.metrics] == [("roc_auc", 0.74, 0.74)]
    assert entry.load is not None
    assert entry.load.p95_ms == 2.5
    assert entry.image is not None
    assert (entry.image.is_pushed, entry.image.packed_bytes) == (True, 40_000_000)
    assert entry.drift is not None
    assert entry.drift.columns[0].distance == 0.8
    assert entry.deployed is not None
    assert entry.deployed.image == "acme/flights@sha256:" + "2" * 64
    assert {one.stage for one in entry.stages} >= {"data", "train", "evaluate", "build", "load-test", "drift", "deploy"}


def test_a_rejected_run_is_remembered_as_one(tmp_path: Path) -> None:
    append(tmp_path / "history", complete_run(tmp_path / "build", promote=False), 0, "run")
    entry = only_entry(tmp_path / "history")
    assert entry.deployed is None
    assert entry.decision is not None
    assert (entry.decision.decision, entry.decision.broken) == ("reject", ("floor",))


def test_a_run_that_stopped_early_is_remembered_up_to_there(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_record(build, "data", 2, "No such file.")
    append(tmp_path / "history", build, 0, "run")
    entry = only_entry(tmp_path / "history")
    assert [(one.stage, one.exit_code) for one in entry.stages] == [("data", 2)]
    assert (entry.data, entry.model, entry.decision) == (None, None, None)


def test_what_took_place_is_read_off_the_folder(tmp_path: Path) -> None:
    assert event_of(complete_run(tmp_path / "run")) == "run"
    watch, rollback = Build(tmp_path / "watch"), Build(tmp_path / "rollback")
    write_record(watch, "drift")
    write_record(rollback, "deploy")
    assert (event_of(watch), event_of(rollback)) == ("drift", "rollback")


def test_a_scheduled_verdict_looks_at_nothing_but_drift(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    (build.stage("evaluate") / "decision.json").write_text("half a fi")
    append(tmp_path / "history", build, 0, "drift")
    entry = only_entry(tmp_path / "history")
    assert [one.stage for one in entry.stages] == ["drift"]
    assert entry.drift is not None
    assert entry.decision is None


def test_a_scheduled_verdict_is_remembered_by_the_name_that_its_own_command_records(tmp_path: Path) -> None:
    watch = Build(tmp_path / "watch")
    write_record(watch, "scheduled-drift", 3)
    write_json(watch.stage("drift") / "verdict.json", drift_verdict("sha256:" + "a" * 64))
    append(tmp_path / "history", watch, 0, "drift")
    entry = only_entry(tmp_path / "history")
    assert [one.stage for one in entry.stages] == ["scheduled-drift"]
    assert entry.drift is not None


def test_a_run_names_each_folder_once(tmp_path: Path) -> None:
    append(tmp_path / "history", complete_run(tmp_path / "build"), 0, "run")
    stages = [one.stage for one in only_entry(tmp_path / "history").stages]
    assert len(stages) == len(set(stages))


def test_a_watch_that_could_not_run_is_remembered_without_a_verdict(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_record(build, "drift", 2, "The export did not answer.")
    append(tmp_path / "history", build, 0, "drift")
    assert only_entry(tmp_path / "history").drift is None


def test_a_rollback_is_known_by_its_image(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_record(build, "deploy")
    image = "acme/flights@sha256:" + "2" * 64
    rollout = {"action": "rollback", "image": image, "replaced": "", "exit_code": 0, "reason": "by hand", "steps": []}
    (build.stage("deploy") / "rollout.json").write_text(json.dumps(rollout))
    append(tmp_path / "history", build, 0, "rollback")
    deployed = only_entry(tmp_path / "history").deployed
    assert deployed is not None
    assert (deployed.image, deployed.reason) == (image, "by hand")


def test_a_rollback_that_failed_put_nothing_into_production(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    write_record(build, "deploy", 1, "The host did not answer.")
    (build.stage("deploy") / "rollout.json").write_text('{"image": "acme/flights@sha256:9", "exit_code": 1}')
    append(tmp_path / "history", build, 0, "rollback")
    assert only_entry(tmp_path / "history").deployed is None


def test_a_champion_that_was_moved_without_a_stage_is_remembered_with_its_image(tmp_path: Path) -> None:
    build, model, image = Build(tmp_path / "build"), "sha256:" + "a" * 64, "acme/flights@sha256:" + "3" * 64
    write_json(build.stage("deploy") / "deployed.json", Deployment(model=model, reason="rolled back by hand"))
    (build.stage("deploy") / "champion.json").write_text(json.dumps({"model": model, "image": image, "commit": ""}))
    append(tmp_path / "history", build, 0, "rollback")
    deployed = only_entry(tmp_path / "history").deployed
    assert deployed is not None
    assert (deployed.model, deployed.image) == (model, image)


def test_an_earlier_runs_deploy_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    path = build.stage("deploy") / "deployed.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["model"], "sha256:" + "e" * 64))
    append(tmp_path / "history", build, 0, "run")
    entry = only_entry(tmp_path / "history")
    assert entry.deployed is None
    assert "deploy" not in {one.stage for one in entry.stages}


def test_the_same_workflow_run_again_takes_the_place_of_its_earlier_entry(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    for minute in (0, 7):
        remember(tmp_path / "history", build, "run", FIRST + dt.timedelta(minutes=minute), GITHUB)
    assert only_entry(tmp_path / "history").at == "2026-01-01T05:24:00Z"
    assert len(list((tmp_path / "history" / "kept").iterdir())) == 1


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("data/data.json", "make data"),
        ("train/model/model.json", "make train"),
        ("evaluate/decision.json", "make evaluate"),
        ("image/image.json", "make build"),
        ("load-test/verdict.json", "make load-test"),
        ("drift/verdict.json", "make drift"),
    ],
)
def test_a_stage_that_passed_must_have_left_its_file(tmp_path: Path, place: str, command: str) -> None:
    build = complete_run(tmp_path / "build")
    (build.root / place).unlink()
    assert command in str(refused(tmp_path, build))


@pytest.mark.parametrize("place", ["evaluate/decision.json", "drift/verdict.json", "data/stage.json"])
def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, place: str) -> None:
    build = complete_run(tmp_path / "build")
    path = build.root / place
    path.write_text(path.read_text() + " " * MOST_JSON_BYTES)
    assert f"at most {MOST_JSON_BYTES:,}" in str(refused(tmp_path, build))


@pytest.mark.parametrize("place", ["evaluate/decision.json", "drift/stage.json", "drift/evidently.html"])
def test_a_link_is_not_followed(tmp_path: Path, place: str) -> None:
    build = complete_run(tmp_path / "build")
    secret = tmp_path / "secret"
    (build.root / place).rename(secret)
    (build.root / place).symlink_to(secret)
    assert "is a link" in str(refused(tmp_path, build))


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("evaluate/decision.json", '"promote"', '"ship it"'),
        ("evaluate/decision.json", '"decision"', '"decided"'),
        ("drift/verdict.json", "0.8", "NaN"),
        ("load-test/verdict.json", "2.5", '"<script>"'),
        ("evaluate/decision.json", '"challenger": "sha256:', '"challenger": "../'),
        ("train/model/model.json", '"data_digest": "sha256:', '"data_digest": "../'),
    ],
)
def test_what_does_not_fit_its_schema_is_refused(tmp_path: Path, place: str, old: str, new: str) -> None:
    build = complete_run(tmp_path / "build")
    text = (build.root / place).read_text()
    assert old in text
    (build.root / place).write_text(text.replace(old, new, 1))
    assert str(build.root) in str(refused(tmp_path, build))


def test_files_of_two_runs_are_refused(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    write_json(build.stage("drift") / "verdict.json", drift_verdict("sha256:" + "e" * 64))
    refusal = refused(tmp_path, build)
    assert (refusal.code, str(refusal).split()[0]) == ("mixed-runs", "drift")


def test_a_load_test_of_another_model_is_refused(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    write_json(build.stage("load-test") / "verdict.json", load_verdict("sha256:" + "e" * 64))
    refusal = refused(tmp_path, build)
    assert (refusal.code, str(refusal).split()[0]) == ("mixed-runs", "load-test")


def test_drills_that_are_no_table_are_refused(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    (build.root / "drills" / "drills.json").write_text('{"drills": [{"name": "no verdict"}]}')
    assert "drills.json" in str(refused(tmp_path, build))


def test_an_empty_build_is_refused(tmp_path: Path) -> None:
    assert "make pipeline" in str(refused(tmp_path, Build(tmp_path / "build")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_SERVER_URL", "javascript:alert(1)//"),
        ("GITHUB_SERVER_URL", "https://github.com/evil?"),
        ("GITHUB_REPOSITORY", 'acme/flights"onload=x'),
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_RUN_ID", "12; rm -rf ."),
        ("GITHUB_RUN_ID", "../../x"),
        ("GITHUB_RUN_ATTEMPT", "-1"),
    ],
)
def test_what_becomes_a_link_must_look_like_what_it_is(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        workflow_run(GITHUB | {name: value})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_branch_and_a_title_are_kept_as_text_on_one_line(payload: str) -> None:
    run = workflow_run(GITHUB | {"GITHUB_REF_NAME": payload, "RUN_TITLE": payload})
    assert run is not None
    assert run.branch == run.title
    assert run.branch.isprintable()
    assert run.branch.split() == "".join(sign if sign.isprintable() else " " for sign in payload).split()


def test_on_a_laptop_there_is_no_workflow_run() -> None:
    assert workflow_run({"GITHUB_REPOSITORY": "acme/flights"}) is None


def test_only_the_last_runs_of_each_kind_are_kept_in_full(tmp_path: Path) -> None:
    history = tmp_path / "history"
    write_run_history(history, tmp_path / "past", KEPT_RUNS + 2)
    kept = sorted(folder.name for folder in (history / "kept").iterdir())
    assert len(kept) == 2 * KEPT_RUNS
    assert kept[0].startswith("20260103")
    assert len(read_run_history(history).entries) == 2 * (KEPT_RUNS + 2)
    assert (history / "kept" / kept[-1] / "drift" / "evidently.html").is_file()


def test_the_folders_size_prunes_before_the_count_does(tmp_path: Path) -> None:
    history = tmp_path / "history"
    write_run_history(history, tmp_path / "past", 5)
    most_bytes = size_of(history / "kept") // 2
    gone = prune(history, most_bytes)
    assert 0 < size_of(history / "kept") <= most_bytes
    assert min(path.name for path in (history / "kept").iterdir()) > max(gone)


def test_what_no_run_left_in_the_kept_folder_is_pruned(tmp_path: Path) -> None:
    (tmp_path / "kept" / "notes").mkdir(parents=True)
    assert prune(tmp_path) == ("notes",)


def test_an_entry_that_was_tampered_with_is_named_and_not_shown(tmp_path: Path) -> None:
    history = tmp_path / "history"
    write_run_history(history, tmp_path / "past", 1)
    good, bad = sorted((history / "runs").glob("*/*.json"))
    bad.write_text(bad.read_text().replace('"event": "run"', '"event": "coup"'))
    (good.parent / "20260101T000000Z-run-9-9.json").write_text(good.read_text())
    run_history = read_run_history(history)
    assert len(run_history.entries) == 1
    assert run_history.unreadable == ("20260101T000000Z-run-9-9.json", bad.name)


def test_a_year_of_daily_runs_and_verdicts_stays_under_200_megabytes(tmp_path: Path) -> None:
    build = complete_run(tmp_path / "build")
    page = b"<p>Evidently's page has about this size</p>".ljust(6 * MEGABYTE)
    (build.stage("drift") / "evidently.html").write_bytes(page)
    folder = ["--build", str(build.root), "--history", str(tmp_path / "history")]
    for day in range(365):
        at = FIRST + dt.timedelta(days=day)
        assert main([*folder, "--at", at.isoformat()]) is Exit.PASS
        assert main([*folder, "--event", "drift", "--at", at.isoformat()]) is Exit.PASS
    assert len(read_run_history(tmp_path / "history").entries) == 2 * 365
    assert size_of(tmp_path / "history") < 200 * MEGABYTE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--history", ""], "HISTORY is empty"), (["--history", "x", "--at", "yesterday"], "AT is 'yesterday'")],
)
def test_wrong_usage_exits_2_with_the_reason(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) is Exit.USAGE
    assert said in capsys.readouterr().err
