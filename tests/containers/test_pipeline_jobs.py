"""What the workflows' own steps do where an engine answers: jobs, artifacts and results as GitHub has them.

One chain, not two: the commands of pipeline.yml's jobs, in a clean clone, give the files that `make pipeline` gives.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.history import HistoryEntry
from contracts.image import Image
from contracts.release import Champion
from contracts.schema import read_json
from contracts.stage import CHAIN
from deploy.engine import docker
from deploy.registry.registry import look_up
from tests.containers.registry import Registry
from tests.publishing.repositories import git
from tests.repository.test_promises import ROOT
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import clone, event, make_repository
from tests.workflows.workflow_run import Job, WorkflowRun

# make ends so, whatever its command ended with.
MAKE_FAILED = 2
STAGES = ("scope", *CHAIN, "report")
ROLLBACK = ROOT / ".github" / "workflows" / "rollback.yml"
# What only jobs have: the note of the attempt, the image as a file, and what only a deploy writes.
ONLY_IN_JOBS = ("attempts/", "packed-image/", "deploy/")
# Files of the stages whose bytes follow from commit and data alone.
SAME_BYTES = (
    "data/data.json", "train/model/model.json", "train/model/model.onnx", "train/model/golden.json",
    "train/model/reference.parquet", "evaluate/decision.json", "evaluate/diff.md",
)  # fmt: skip


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


@dataclass(frozen=True)
class Pushed:
    """A push that met no registry: its jobs, and the history before and after those that failed ran again."""

    root: Path
    registry: Registry
    variables: dict[str, str]
    run: WorkflowRun
    away: dict[str, Job]
    before: Path
    after: Path

    @property
    def image(self) -> str:
        """The champion, as the history names it."""
        return read_json(self.after / "champion.json", Champion, "make record-champion").image


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    root = tmp_path_factory.mktemp("registry-away")
    (root / "registry").mkdir()
    registry = Registry(root / "registry")
    variables = {"IMAGE_REPOSITORY": f"{registry.address}/user/away", "DOCKERHUB_USERNAME": "user"}
    first = make_repository(root, "gatehouse-away-test")
    run = WorkflowRun(first, root, ArtifactStore(root / "a"), event(first, "push"), variables)
    away = dict(run.run("pipeline.yml"))
    before = past(run, root / "before")
    registry.start()
    run.store.attempt = 2
    # GitHub runs again what failed and whatever waits for it, so also publish.yml.
    run.run("pipeline.yml", only=("image", "report", "deploy", "publish", "passed"))
    made = Pushed(root, registry, variables, run, away, before, past(run, root / "after"))
    yield made
    registry.stop()
    docker("image", "rm", "--force", made.image)


@pytest.mark.timeout(1800)
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
    champion = f"{pushed.variables['IMAGE_REPOSITORY']}:champion"
    assert look_up(champion).image_id == look_up(second.image.reference).image_id


@pytest.mark.skipif(not ROLLBACK.exists(), reason="this repository has no rollback")
@pytest.mark.timeout(1800)
def test_a_rollback_is_recorded_once_also_by_runs_of_its_failed_jobs_alone(pushed: Pushed) -> None:
    again = event(pushed.run.clone, "workflow_dispatch", "4712")
    store = ArtifactStore(pushed.root / "b")
    run = WorkflowRun(pushed.run.clone, pushed.root, store, again, pushed.variables, inputs={"image": pushed.image})
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
    assert [entry.event for entry in entries(after)] == ["run", "run", "rollback"]
    assert entries(after)[2].deployed is not None
    assert read_json(after / "champion.json", Champion, "make record-champion").image == pushed.image
