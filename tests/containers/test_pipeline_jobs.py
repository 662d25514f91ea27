"""One chain, not two: the commands of pipeline.yml's jobs, in a clean clone, give the files that `make pipeline` gives.

The steps are read from the workflow: each job begins with the artifacts that its steps unpack, runs its `run:` lines in
order, and keeps what its steps upload. GitHub's own actions are the only thing that is done in another way.
"""

import fnmatch
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from contracts.image import Image
from contracts.schema import read_json
from deploy.engine import docker
from tests.chain.commands import CONFIG, MARGINS

ROOT = Path(__file__).parents[2]
JOBS = ("scope", "train", "image", "report")
COMMANDS = ("scope", "data", "train", "evaluate", "build", "load-test", "drift", "report")
# What the jobs need between runners and a laptop does not: the image as a file, the branch, the count of tries.
ONLY_IN_JOBS = ("image/image.tar", "history/", "tries/")
# Files of the stages whose bytes follow from commit and data alone.
SAME_BYTES = (
    "data/data.json", "train/model/model.json", "train/model/model.onnx", "train/model/golden.json",
    "train/model/reference.parquet", "evaluate/decision.json", "evaluate/diff.md",
)  # fmt: skip
NAME = "gatehouse-jobs-test"


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Two clean clones of this checkout's last commit, with a small table in it, and a remote that both know."""
    root = tmp_path_factory.mktemp("jobs")
    seed, remote = root / "seed", root / "remote.git"
    git(root, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(seed))
    load_breast_cancer(as_frame=True).frame.to_csv(seed / "table.csv", index=False)
    config = CONFIG.format(name=NAME, source="table.csv", task="binary", linear="logistic", metric="roc_auc",
                           margin=MARGINS["roc_auc"])  # fmt: skip
    (seed / "pipeline.toml").write_text(config)
    git(seed, "add", "--all", "--force", "table.csv", "pipeline.toml")
    git(seed, "commit", "--quiet", "--message", "Use a small table")
    git(root, "clone", "--quiet", "--bare", str(seed), str(remote))
    for name in ("jobs", "laptop"):
        git(root, "clone", "--quiet", f"file://{remote}", str(root / name))
    yield root / "jobs", root / "laptop"
    for built in root.glob("*/build/image/image.json"):
        docker("image", "rm", "--force", read_json(built, Image, "make build").image_id)


def make(clone: Path, target: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["make", target], cwd=clone, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"make {target}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def plain(values: dict[str, Any]) -> dict[str, str]:
    """Environment of a step where no variable is set; an expression that needs GitHub is empty."""
    found = {name: str(value) for name, value in values.items()}
    return {name: re.sub(r"\$\{\{.*'production' \}\}", "production", value) for name, value in found.items()} | {
        name: "" for name, value in found.items() if "${{" in value and "'production'" not in value
    }


def run_jobs(clone: Path, artifacts: Path) -> list[str]:
    """Run every job of the chain; returns the commands in the order in which they ran."""
    workflow = yaml.safe_load((clone / ".github" / "workflows" / "pipeline.yml").read_text())
    everywhere = plain(workflow["env"])
    needs = {name: workflow["jobs"][name].get("needs", []) for name in JOBS}
    order = TopologicalSorter({name: {need} if isinstance(need, str) else set(need) for name, need in needs.items()})
    ran = []
    for job in order.static_order():
        shutil.rmtree(clone / "build", ignore_errors=True)
        for step in workflow["jobs"][job]["steps"]:
            given = step.get("with", {})
            if step.get("uses", "").startswith("$/") and given.get("stages"):
                for artifact in artifacts.iterdir():
                    if fnmatch.fnmatch(artifact.name, given["stages"]):
                        shutil.copytree(artifact, clone / "build" / artifact.name)
            elif "upload-artifact" in step.get("uses", ""):
                kept = clone / given["path"].replace("${{ github.job }}", job)
                target = artifacts / given["name"].replace("${{ github.job }}", job)
                if kept.is_dir():
                    shutil.copytree(kept, target)
                elif kept.is_file():
                    target.mkdir()
                    shutil.copy(kept, target)
            elif "run" in step:
                make(clone, step["run"].removeprefix("make "), everywhere | plain(step.get("env", {})))
                ran.append(step["run"])
    return ran


def files(build: Path) -> set[str]:
    """Paths below a folder; a time or a process number in a name does not count."""
    found = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    return {re.sub(r"\d{8}T[\d.]+Z-\d+", "…", path) for path in found if not path.startswith(ONLY_IN_JOBS)}


@pytest.mark.timeout(600)
def test_the_jobs_commands_give_the_files_of_make_pipeline(clones: tuple[Path, Path], tmp_path: Path) -> None:
    jobs, laptop = clones
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    ran = run_jobs(jobs, artifacts)
    chain = [f"make {command}" for command in COMMANDS]
    assert [command for command in ran if command in chain] == chain
    make(laptop, "pipeline", {})
    stages = {path.name for path in (laptop / "build").iterdir() if path.is_dir()}
    assert stages >= {"data", "train", "evaluate", "load-test", "drift", "report"}
    of_jobs = {path for path in files(artifacts) if path.split("/")[0] in stages}
    assert of_jobs == {path for path in files(laptop / "build") if "/" in path}
    for name in SAME_BYTES:
        assert (artifacts / name).read_bytes() == (laptop / "build" / name).read_bytes(), name
