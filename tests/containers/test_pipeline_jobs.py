"""What the workflows' own steps do where an engine answers: jobs, artifacts and results as GitHub has them.

One chain, not two: the commands of pipeline.yml's jobs, in a clean clone, give the files that `make pipeline` gives.

One push is to a private registry and to a host over SSH, with the settings of docs/github.md: its image, its service
and its request log are what the tests after it read.
"""

import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer

from contracts.decision import Decision
from contracts.history import HistoryEntry
from contracts.image import Image
from contracts.release import Champion
from contracts.schema import read_json
from contracts.stage import CHAIN
from deploy.engine import docker
from deploy.registry.registry import look_up
from publishing.issues.drift_issue import TOPIC
from tests.containers.registry import ACCOUNTS, TOKEN, USER, Registry
from tests.publishing.github_server import GitHub, serving
from tests.publishing.repositories import git
from tests.repository.test_promises import ROOT
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import clone, event, make_repository
from tests.workflows.workflow_run import Job, WorkflowRun

# make ends so, whatever its command ended with.
MAKE_FAILED = 2
STAGES = ("scope", *CHAIN, "report")
ROLLBACK, DRIFT = (ROOT / ".github" / "workflows" / name for name in ("rollback.yml", "drift.yml"))
# What only jobs have: the note of the attempt, the image as a file, and what only a deploy writes.
ONLY_IN_JOBS = ("attempts/", "packed-image/", "deploy/")
# Files of the stages whose bytes follow from commit and data alone.
SAME_BYTES = (
    "data/data.json", "train/model/model.json", "train/model/model.onnx", "train/model/golden.json",
    "train/model/reference.parquet", "evaluate/decision.json", "evaluate/diff.md",
)  # fmt: skip
SBIN = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
NO_HOST = "no host to deploy to: this repository has no rollouts, or openssh-server is not installed"
SHORT_WATCH = "\n[deploy]\nwatch_seconds = 2.0\n"
# What a private image's owner sets, because only jobs of main log in (docs/github.md).
KEPT_MODEL = {"CHAMPION": "build/history/champion"}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """A clone whose images are removed at the end."""
    yield make_repository(tmp_path, "gatehouse-jobs-test")
    for built in tmp_path.rglob("image/image.json"):
        subprocess.run(
            ["docker", "image", "rm", "--force", read_json(built, Image, "make build").reference], check=False
        )


def past(run: WorkflowRun, folder: Path) -> Path:
    """The branch `history` as the remote has it now."""
    git(folder.parent, "clone", "--quiet", "--branch", "history", f"file://{run.clone.parent / 'remote.git'}",
        str(folder))  # fmt: skip
    return folder


def entries(history: Path) -> list[HistoryEntry]:
    return [read_json(path, HistoryEntry, "make history") for path in sorted((history / "runs").glob("*/*.json"))]


def files(build: Path) -> set[str]:
    """Paths below a folder; a time or a process number in a name does not count."""
    found = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    return {re.sub(r"\d{8}T[\d.]+Z-\d+", "…", path) for path in found if not path.startswith(ONLY_IN_JOBS)}


@pytest.mark.timeout(900)
def test_a_push_gives_the_files_of_make_pipeline(repository: Path, tmp_path: Path) -> None:
    laptop = clone(tmp_path, "laptop")
    run = WorkflowRun(repository, tmp_path, ArtifactStore(tmp_path / "artifacts"), event(repository, "push"))
    jobs = run.run("pipeline.yml")
    assert {name: job.said for name, job in jobs.items() if job.result == "failure"} == {}
    assert {name for name, job in jobs.items() if job.result == "skipped"} <= {"publish / comment", "publish / site"}
    ran = [command.removeprefix("make ") for command in run.commands()]
    assert [command for command in ran if command in STAGES] == list(STAGES)
    # As the job found it in the history, so that both decisions say why there is no champion.
    first = dict(os.environ) | {"CHAMPION": "nothing-deployed"}
    subprocess.run(["make", "champion"], cwd=laptop, env=first, check=True, capture_output=True)
    subprocess.run(["make", "pipeline"], cwd=laptop, env=dict(os.environ), check=True, capture_output=True)
    artifacts = tmp_path / "all"
    run.store.download(artifacts, pattern="*", merge=True)
    stages = {path.name for path in (laptop / "build").iterdir() if path.is_dir()}
    assert stages >= {*CHAIN, "report"} - {"build"}
    assert files(artifacts) == {path for path in files(laptop / "build") if "/" in path}
    for name in SAME_BYTES:
        assert (artifacts / name).read_bytes() == (laptop / "build" / name).read_bytes(), name
    (entry,) = entries(past(run, tmp_path / "past"))
    assert entry.deployed is not None
    assert entry.model is not None
    assert entry.deployed.model == entry.model.digest


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """tests/rollouts/production.py's, or None."""
    if importlib.util.find_spec("tests.rollouts.production") is None or not shutil.which("sshd", path=SBIN):
        yield None
        return
    module: Any = importlib.import_module("tests.rollouts.production")
    with module.production(tmp_path_factory.mktemp("ssh")) as host:
        yield host


def table_rows(count: int) -> list[dict[str, float]]:
    """Rows of the table, as a client sends them."""
    rows: list[dict[str, float]] = (
        load_breast_cancer(as_frame=True).data.sample(count, random_state=3).to_dict("records")
    )
    return rows


@dataclass(frozen=True)
class Pushed:
    """A push that met no registry: its jobs, and the history before and after those that failed ran again."""

    root: Path
    registry: Registry
    run: WorkflowRun
    away: dict[str, Job]
    before: Path
    after: Path

    @property
    def image(self) -> str:
        """The champion, as the history names it."""
        return read_json(self.after / "champion.json", Champion, "make record-champion").image


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, production: Any) -> Iterator[Pushed]:
    root = tmp_path_factory.mktemp("registry-away")
    (root / "registry").mkdir()
    registry = Registry(root / "registry", ACCOUNTS)
    variables = {
        "IMAGE_REPOSITORY": f"{registry.address}/user/away", "DOCKERHUB_USERNAME": USER, "REGISTRY": registry.address,
    }  # fmt: skip
    hidden = {"DOCKERHUB_TOKEN": TOKEN}
    if production:
        variables, hidden = variables | production.variables, hidden | production.secrets
    first = make_repository(root, "gatehouse-away-test", SHORT_WATCH)
    run = WorkflowRun(first, root, ArtifactStore(root / "a"), event(first, "push"), variables, hidden)
    away = dict(run.run("pipeline.yml"))  # without a DOCKER_CONFIG: the registry goes away after the login
    before = past(run, root / "before")
    registry.start()
    run.store.attempt = 2
    run.environment["DOCKER_CONFIG"] = str(root / "docker")
    # GitHub runs again what failed and whatever waits for it, so also publish.yml.
    run.run("pipeline.yml", only=("image", "report", "deploy", "publish", "passed"))
    yield Pushed(root, registry, run, away, before, past(run, root / "after"))
    registry.stop()
    if production:
        production.remove()
    for image in set(docker("image", "ls", "--quiet", f"--filter=reference={registry.address}/user/*").split()):
        docker("image", "rm", "--force", image)


def another_run(pushed: Pushed, name: str, told: dict[str, Any], **more: dict[str, Any]) -> WorkflowRun:
    """A later run in the same repository; without `variables` or `secrets` those of the push."""
    given = {"variables": pushed.run.variables, "secrets": pushed.run.secrets} | more
    config = {"DOCKER_CONFIG": str(pushed.root / f"docker-{name}")}
    return WorkflowRun(
        pushed.run.clone, pushed.root, ArtifactStore(pushed.root / name), told, environment=dict(config), **given
    )


@pytest.fixture
def logged_in(pushed: Pushed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself may look into the private registry."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    command = ["docker", "login", "--password-stdin", "--username", USER, pushed.registry.address]
    subprocess.run(command, input=TOKEN, check=True, capture_output=True, text=True)


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("logged_in")
def test_jobs_that_failed_while_the_registry_was_away_push_and_deploy_when_they_run_again(pushed: Pushed) -> None:
    assert ("make publish-image", MAKE_FAILED) in pushed.away["image"].commands
    assert "connection refused" in pushed.away["image"].said[0]
    assert {name for name, job in pushed.away.items() if job.result == "failure"} == {"image", "passed"}
    assert pushed.away["deploy"].result == "skipped"
    (stopped,) = entries(pushed.before)
    assert stopped.deployed is None
    assert {name: job.said for name, job in pushed.run.jobs.items() if job.result == "failure"} == {}
    attempts = {one.name: one.attempt for one in pushed.run.store.latest()}
    assert attempts == {"train": 1, "image": 2, "packed-image": 2, "report": 2, "deploy": 2}
    first, second = entries(pushed.after)
    assert first == stopped
    assert second.image is not None
    assert pushed.image == second.image.reference
    champion = f"{pushed.run.variables['IMAGE_REPOSITORY']}:champion"
    assert look_up(champion).image_id == look_up(second.image.reference).image_id


@pytest.mark.timeout(1800)
def test_a_push_deploys_to_the_host_that_is_named_with_the_settings_of_its_secret(
    pushed: Pushed, production: Any
) -> None:
    if production is None:
        pytest.skip(NO_HOST)
    assert ("make release", 0) in pushed.run.jobs["deploy"].commands
    (row,) = table_rows(1)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        production.ask("/predict", "", row)
    champion = read_json(pushed.after / "champion.json", Champion, "make record-champion")
    assert production.ask("/predict", production.keys["predict"], row)["model"] == champion.model


@pytest.mark.skipif(not DRIFT.exists(), reason="this repository has no scheduled drift check")
@pytest.mark.timeout(1800)
def test_the_drift_check_reads_productions_own_log_with_its_key(pushed: Pushed, production: Any) -> None:
    if production is None:
        pytest.skip(NO_HOST)
    rows = table_rows(300)
    production.ask("/predict/batch", production.keys["predict"], {"rows": rows})
    export = f"http://127.0.0.1:{production.port}/requests"
    run = another_run(
        pushed, "drift", event(pushed.run.clone, "schedule", "4713"),
        variables=pushed.run.variables | KEPT_MODEL | {"REQUESTS_URL": export},
        secrets={"REQUESTS_KEY": production.keys["export"]},
    )  # fmt: skip
    run.run("drift.yml", only=("drift",))
    assert ("make requests", 0) in run.jobs["drift"].commands, run.jobs["drift"].said
    (kept,) = run.store.listed()
    brought = json.loads((kept.folder / "requests" / "requests.json").read_text())
    assert (brought["kind"], brought["refused_lines"]) == ("export", 0)
    assert brought["predictions"] >= len(rows)
    verdict = json.loads((kept.folder / "drift" / "verdict.json").read_text())
    assert verdict["state"] != "insufficient"


@pytest.mark.skipif(not DRIFT.exists(), reason="this repository has no scheduled drift check")
@pytest.mark.timeout(1800)
def test_a_drift_check_whose_key_production_refuses_could_not_run_and_says_which_key(
    pushed: Pushed, production: Any
) -> None:
    if production is None:
        pytest.skip(NO_HOST)
    export = f"http://127.0.0.1:{production.port}/requests"
    run = another_run(
        pushed, "refused", event(pushed.run.clone, "schedule", "4715"),
        variables=pushed.run.variables | KEPT_MODEL | {"REQUESTS_URL": export},
        secrets={"REQUESTS_KEY": "a-wrong-key"},
    )  # fmt: skip
    with serving(GitHub()) as github:
        run.environment |= {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "a-token"}
        run.run("drift.yml", only=("drift", "issue"))
    assert ("make requests", MAKE_FAILED) in run.jobs["drift"].commands
    (said,) = run.jobs["drift"].said
    assert f"{export} answered 401. REQUESTS_KEY is not accepted" in said
    assert "a-wrong-key" not in said
    (kept,) = run.store.listed()
    assert not (kept.folder / "drift" / "verdict.json").exists()
    (issue,) = github.issues
    assert issue["title"] == TOPIC.title_could_not_run
    assert "REQUESTS_KEY is not accepted" in issue["body"]


@pytest.mark.timeout(1800)
def test_a_pull_request_reads_a_private_image_only_from_the_history(pushed: Pushed) -> None:
    """It does not log in, so CHAMPION has to name the same model in the history."""
    clone = pushed.run.clone
    git(clone, "checkout", "--quiet", "--force", "--detach", "origin/main")
    text = (clone / "pipeline.toml").read_text()
    (clone / "pipeline.toml").write_text(text.replace("trials = 1", "trials = 2"))
    git(clone, "commit", "--quiet", "--all", "--message", "Try twice as much")
    payload = {"number": 7, "base": {"sha": git(clone, "rev-parse", "origin/main")}, "head": {"repo": {}}}
    told = event(clone, "pull_request", "4714", pull_request=payload) | {
        "ref": "refs/pull/7/merge", "sha": git(clone, "rev-parse", "HEAD"),
    }  # fmt: skip
    run = another_run(pushed, "pull-request", told, secrets={})
    run.run("pipeline.yml", only=("scope", "train"))
    assert ("make champion", MAKE_FAILED) in run.jobs["train"].commands
    (said,) = run.jobs["train"].said
    assert f"Nobody is logged in to {pushed.registry.address} in this job" in said
    assert f"Or set CHAMPION={KEPT_MODEL['CHAMPION']}" in said
    run.variables = run.variables | KEPT_MODEL
    run.store.attempt = 2
    run.run("pipeline.yml", only=("scope", "train"))
    assert run.jobs["train"].result == "success", run.jobs["train"].said
    (kept,) = run.store.latest()
    decision = read_json(kept.folder / "evaluate" / "decision.json", Decision, "make evaluate")
    champion = read_json(pushed.after / "champion.json", Champion, "make record-champion")
    assert decision.champion == champion.model


@pytest.mark.skipif(not ROLLBACK.exists(), reason="this repository has no rollback")
@pytest.mark.timeout(1800)
def test_a_rollback_is_recorded_once_also_by_runs_of_its_failed_jobs_alone(pushed: Pushed) -> None:
    again = event(pushed.run.clone, "workflow_dispatch", "4712")
    without_host = {name: value for name, value in pushed.run.variables.items() if name != "DEPLOY_HOST"}
    run = another_run(pushed, "b", again, variables=without_host, inputs={"image": pushed.image})
    store = run.store
    pushed.registry.stop()
    jobs = run.run("rollback.yml")
    results = {name: job.result for name, job in jobs.items()}
    assert results == {"list": "success", "rollback": "failure", "publish": "skipped"}
    assert store.listed() == []
    pushed.registry.start()
    store.attempt = 2
    refusal = pushed.root / "remote.git" / "hooks" / "pre-receive"
    refusal.parent.mkdir(exist_ok=True)
    refusal.write_text("#!/bin/sh\nexit 1\n")
    refusal.chmod(0o755)
    jobs = run.run("rollback.yml", only=("rollback", "publish"))
    assert {name for name, job in jobs.items() if job.result == "failure"} == {"publish", "publish / record"}
    refusal.unlink()
    store.attempt = 3
    jobs = run.run("rollback.yml", only=("publish",))
    assert {name: job.said for name, job in jobs.items() if job.result == "failure"} == {}
    assert [(one.name, one.attempt) for one in store.listed()] == [("rollback", 2)]
    after = past(run, pushed.root / "after-rollback")
    (recorded,) = [entry for entry in entries(after) if "-4712-" in entry.id]
    assert recorded.event == "rollback"
    assert recorded.deployed is not None
    assert read_json(after / "champion.json", Champion, "make record-champion").image == pushed.image


@pytest.mark.skipif(not ROLLBACK.exists(), reason="this repository has no rollback")
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("logged_in")
def test_a_rollback_takes_the_host_that_is_named_back_to_an_image_and_is_recorded(
    pushed: Pushed, production: Any, tmp_path: Path
) -> None:
    if production is None:
        pytest.skip(NO_HOST)
    champion = read_json(pushed.after / "champion.json", Champion, "make record-champion")
    another = production.deploy_another(pushed.image, pushed.registry, tmp_path)
    (row,) = table_rows(1)
    assert production.ask("/predict", production.keys["predict"], row)["model"] == another != champion.model
    told = event(pushed.run.clone, "workflow_dispatch", "4716")
    run = another_run(pushed, "back", told, inputs={"image": pushed.image})
    jobs = run.run("rollback.yml")
    assert {name: job.said for name, job in jobs.items() if job.result == "failure"} == {}
    assert ("make rollback-release", 0) in jobs["rollback"].commands
    assert production.ask("/predict", production.keys["predict"], row)["model"] == champion.model
    after = past(run, pushed.root / "after-rollback-of-the-host")
    (recorded,) = [entry for entry in entries(after) if "-4716-" in entry.id]
    assert recorded.event == "rollback"
    assert recorded.deployed is not None
    assert recorded.deployed.model == champion.model
    assert read_json(after / "champion.json", Champion, "make record-champion").image == pushed.image
