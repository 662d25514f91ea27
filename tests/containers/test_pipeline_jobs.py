"""What the workflows' own steps do where an engine answers: jobs, artifacts and results as GitHub has them.

One chain, not two: the commands of pipeline.yml's jobs, in a clean clone, give the files that `make pipeline` gives.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.history import HistoryEntry
from contracts.image import Image
from contracts.release import Champion
from contracts.schema import read_json
from contracts.stage import CHAIN
from deploy.engine import docker
from tests.publishing.repositories import git
from tests.repository.test_promises import ROOT
from tests.workflows.artifact_store import ArtifactStore
from tests.workflows.repositories import clone, event, make_repository
from tests.workflows.workflow_run import WorkflowRun

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


@pytest.mark.skipif(not ROLLBACK.exists(), reason="this repository has no rollback")
@pytest.mark.timeout(900)
def test_a_rollback_is_recorded(repository: Path, tmp_path: Path, registry: str) -> None:
    variables = {"IMAGE_REPOSITORY": f"{registry}/user/rolled-back", "DOCKERHUB_USERNAME": "user"}
    push = WorkflowRun(repository, tmp_path, ArtifactStore(tmp_path / "a"), event(repository, "push"), variables)
    assert push.run("pipeline.yml")["deploy"].result == "success", push.jobs["deploy"].said
    (first,) = entries(past(push, tmp_path / "before"))
    assert first.image is not None
    inputs = {"image": first.image.reference}
    again = event(repository, "workflow_dispatch", "4712")
    run = WorkflowRun(repository, tmp_path, ArtifactStore(tmp_path / "b"), again, variables, inputs=inputs)
    jobs = run.run("rollback.yml")
    assert {name: job.said for name, job in jobs.items() if job.result == "failure"} == {}
    assert [one.name for one in run.store.listed()] == ["rollback"]
    after = past(run, tmp_path / "after")
    assert [entry.event for entry in entries(after)] == ["run", "rollback"]
    assert entries(after)[1].deployed is not None
    assert read_json(after / "champion.json", Champion, "make record-champion").image == first.image.reference
    docker("image", "rm", "--force", first.image.reference)
