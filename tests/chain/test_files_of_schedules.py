"""drift.yml by its own steps, run for real: a lasting loss, its issue, its retrain, a second attempt; one by hand."""

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.decision import Decision
from contracts.history import HistoryEntry
from contracts.model_folder import model_digest
from contracts.pipeline_toml.champion import NONE_AS_ASKED
from contracts.release import Champion
from contracts.schema import read_json, write_json
from tests.chain.commands import run as run_stage
from tests.publishing.github_server import Fault, GitHub, serving
from tests.publishing.repositories import git
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import clone, event, make_repository
from tests.workflows.workflow_run import WorkflowRun

pytestmark = pytest.mark.timeout(900)
DAYS, AS_OF = 120, "2026-03-31"
CONFIG = f"""\
[project]
name = "gatehouse-schedules"

[data]
source = "table.csv"
target = "late"
task = "binary"
positive = "yes"
time = "day"
as_of = {AS_OF}
holdout_days = 20
min_train_rows = 50
min_holdout_rows = 30

[training]
candidates = ["logistic"]
metric = "roc_auc"
trials = 1

[gate]
metric = "roc_auc"
margin = 0.05

[drift]
min_rows = 60
min_labels = 100
lasting_windows = 1
of_windows = 1
"""


def table_that_turns(rows_a_day: int = 40) -> pd.DataFrame:
    """120 days from January. From `as_of` on, what made a row late makes it early."""
    random = np.random.default_rng(3)
    days = np.repeat(pd.date_range("2026-01-01", periods=DAYS), rows_a_day)
    wind, queue = random.normal(10, 3, len(days)), random.normal(5, 2, len(days))
    sign = np.where(days < pd.Timestamp(AS_OF), 1, -1)
    late = sign * (wind - 10 + queue - 5) + random.normal(0, 1, len(days)) > 0
    return pd.DataFrame({"day": days, "wind": wind, "queue": queue, "late": np.where(late, "yes", "no")})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A remote whose `history` says that a model of this table is in production."""
    root = tmp_path_factory.mktemp("schedules")
    first = make_repository(root, "unused")
    table_that_turns().to_csv(first / "table.csv", index=False)
    (first / "pipeline.toml").write_text(CONFIG)
    git(first, "add", "--force", "table.csv", "pipeline.toml")
    git(first, "commit", "--quiet", "--message", "Use a table with time")
    git(first, "push", "--quiet", "origin", "HEAD:main")
    build = root / "build"
    config = root / "pipeline.toml"
    config.write_text(CONFIG.replace("table.csv", str(first / "table.csv")))
    for stage in ("data", "train"):
        ended = run_stage(stage, config, build)
        assert ended.returncode == 0, ended.stderr
    record_champion(root, build / "train" / "model")
    return root


def record_champion(root: Path, model: Path) -> None:
    """The branch `history`, as `make record-champion` leaves it after a deploy that pushed no image."""
    past = root / "past"
    past.mkdir()
    git(past, "init", "--quiet")
    shutil.copytree(model, past / "champion")
    write_json(
        past / "champion.json",
        Champion(model=model_digest(model), commit=git(root / "remote.git", "rev-parse", "main")),
    )
    git(past, "add", "--all", "--force")
    git(past, "commit", "--quiet", "--message", "Record the champion")
    git(past, "push", "--quiet", f"file://{root / 'remote.git'}", "HEAD:refs/heads/history")


@pytest.fixture
def github() -> Iterator[GitHub]:
    with serving(GitHub()) as made:
        made.branches["main"] = {"pipeline.toml": CONFIG}
        yield made


def schedule(repository: Path, tmp_path: Path, github: GitHub) -> WorkflowRun:
    place = tmp_path / "remote.git"
    shutil.copytree(repository / "remote.git", place)
    shutil.copytree(repository / "seed", tmp_path / "seed")
    checkout = clone(tmp_path, "first")
    return WorkflowRun(
        checkout, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(checkout, "schedule"),
        environment={"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "a-token"},
    )  # fmt: skip


def history(run: WorkflowRun, folder: Path) -> list[HistoryEntry]:
    git(folder, "clone", "--quiet", "--branch", "history", f"file://{run.clone.parent / 'remote.git'}", "told")
    return [read_json(path, HistoryEntry, "make history") for path in sorted((folder / "told/runs").glob("*/*.json"))]


def test_a_loss_that_lasts_is_told_recorded_and_asked_to_be_trained_away(
    repository: Path, tmp_path: Path, github: GitHub
) -> None:
    run = schedule(repository, tmp_path, github)
    jobs = run.run("drift.yml")
    assert jobs["drift"].commands[-3:] == [("make job-summary", 0), ("make push-history", 0), ("make note-attempt", 0)]
    assert ("make scheduled-drift", 2) in jobs["drift"].commands
    assert {name for name, job in jobs.items() if job.result == "failure"} == {"drift"}, jobs["issue"].said
    (kept,) = run.store.listed()
    names = {path.relative_to(kept.folder).as_posix() for path in kept.folder.rglob("*") if path.is_file()}
    assert {"drift/verdict.json", "data/data.json", "requests/requests.json", "attempts/drift"} <= names
    assert not [name for name in names if name.endswith(".jsonl")], "the requests themselves are kept"
    (issue,) = github.issues
    assert {label["name"] for label in issue["labels"]} == {"drift"}
    (asked,) = github.pulls
    assert asked["head"]["ref"].startswith("retrain/")
    moved = tomllib.loads(github.branches[asked["head"]["ref"]]["pipeline.toml"])
    assert str(moved["data"].pop("as_of")) == asked["head"]["ref"].removeprefix("retrain/") > AS_OF
    assert moved == {**tomllib.loads(CONFIG), "data": moved["data"]}
    (entry,) = history(run, tmp_path)
    assert entry.event == "drift"


def test_an_issue_that_could_not_be_told_is_told_by_a_run_of_the_failed_job_alone(
    repository: Path, tmp_path: Path, github: GitHub
) -> None:
    run = schedule(repository, tmp_path, github)
    github.faults.append(Fault("GET", "/issues", 403, {"message": "Resource not accessible by integration"}))
    jobs = run.run("drift.yml")
    assert (jobs["issue"].result, len(github.issues)) == ("failure", 0)
    run.store.attempt = 2
    jobs = run.run("drift.yml", only=("issue",))
    assert jobs["issue"].result == "success", jobs["issue"].said
    assert len(github.issues) == 1
    assert [one.attempt for one in run.store.listed()] == [1]


def test_running_all_jobs_again_asks_and_records_nothing_twice(
    repository: Path, tmp_path: Path, github: GitHub
) -> None:
    run = schedule(repository, tmp_path, github)
    for attempt in (1, 2):
        run.store.attempt = attempt
        jobs = run.run("drift.yml")
        assert {name for name, job in jobs.items() if job.result == "failure"} == {"drift"}
    assert (len(github.issues), len(github.pulls)) == (1, 1)
    assert [one.attempt for one in run.store.latest()] == [2]
    assert {entry.workflow.attempt for entry in history(run, tmp_path) if entry.workflow} == {"1", "2"}


def test_a_retrain_by_hand_is_as_of_that_day_and_without_the_champion_where_that_is_asked(
    repository: Path, tmp_path: Path, github: GitHub
) -> None:
    run = schedule(repository, tmp_path, github)
    run.github["event_name"] = "workflow_dispatch"
    run.inputs = {"as_of": "2026-03-21", "full": False, "champion": "none"}
    # What needs no container engine.
    jobs = run.run("pipeline.yml", only=("scope", "train"))
    assert jobs["train"].result == "success", jobs["train"].said
    assert [("make as-of", 0) in jobs[name].commands for name in ("scope", "train")] == [True, True]
    (kept,) = run.store.listed()
    assert read_json(kept.folder / "data/data.json", DataManifest, "make data").as_of == "2026-03-21"
    assert read_json(kept.folder / "evaluate/decision.json", Decision, "make evaluate").first_run == NONE_AS_ASKED


def test_the_rates_are_those_of_a_table_that_turned() -> None:
    """The control of this file: before `as_of`, what is learned holds."""
    table = table_that_turns()
    before = table[table["day"] < AS_OF]
    after = table[table["day"] >= AS_OF]
    shares = [((part["wind"] + part["queue"] > 15) == (part["late"] == "yes")).mean() for part in (before, after)]
    assert shares[0] > 0.85
    assert shares[1] < 0.15
