"""The exit codes that the situations rest on are the real make targets', and what follows a refusal carries on."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.chain.commands import write_table
from tests.publishing.repositories import clone, make_remote
from tests.reports.logged_requests import rows, write_config
from tests.reports.scheduled import test_check as scheduled
from tests.situations.causes import CAUSES
from tests.workflows.engine import ROOT

# Real stages: some minutes where a machine is busy.
pytestmark = pytest.mark.timeout(900)
NOWHERE = "tcp://127.0.0.1:9"
# What a workflow runs after a refusal: it must end well, or the report of the refusal is lost.
AFTERWARDS = ("report", "history", "count-evaluations")


def make(target: str, folder: Path, **environment: str) -> int:
    """The command's own exit code, which make says on standard error."""
    place = {"CONFIG": str(folder / "pipeline.toml"), "BUILD": str(folder / "build")}
    settings = {"TARGET": "process", "HISTORY": str(folder / "history"), **environment}
    done = subprocess.run(
        ["make", target, *(f"{name}={value}" for name, value in place.items())],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(r"\*\*\* \[.*\] Error (\d+)", done.stderr)
    assert done.returncode == (2 if said else 0), done.stderr
    return int(said[1]) if said else 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage has passed, up to the load test."""
    folder = tmp_path_factory.mktemp("chain")
    write_table("breast-cancer", folder)
    (folder / "history").mkdir()
    for target in ("data", "train", "evaluate", "load-test"):
        assert make(target, folder) == 0, target
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def change(folder: Path, key: str, value: str, table: str = "") -> None:
    """Set a key of pipeline.toml, or add it to a table."""
    path = folder / "pipeline.toml"
    text, changed = re.subn(rf"^{key} = .*$", f"{key} = {value}", path.read_text(), flags=re.M)
    path.write_text(text if changed else text.replace(f"[{table}]\n", f"[{table}]\n{key} = {value}\n"))


def too_few_rows(folder: Path) -> None:
    change(folder, "min_train_rows", "1000000")


def one_class_only(folder: Path) -> None:
    """The train table alone loses a class, so that data's own checks do not see it."""
    path = folder / "build" / "data" / "train.parquet"
    table = pd.read_parquet(path)
    table.assign(target=table["target"].iloc[0]).to_parquet(path)


def too_high_a_floor(folder: Path) -> None:
    path = folder / "pipeline.toml"
    path.write_text(path.read_text() + "\n[gate.floors]\nroc_auc = 1.0\n")
    # The holdout is small enough to be ranked without a mistake; log loss never is 0.
    path.write_text(path.read_text() + "accuracy = 1.0\n")


def too_low_a_limit(folder: Path) -> None:
    change(folder, "max_p50_ms", "0.0001")


def too_few_requests(folder: Path) -> None:
    change(folder, "min_rows", "1000000", "drift")
    change(folder, "blocks_deploy", "true", "drift")


PLANTS: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "the data is refused": (too_few_rows, {}),
    "training is refused": (one_class_only, {}),
    "the gate refuses": (too_high_a_floor, {}),
    "too slow": (too_low_a_limit, {}),
    "drift blocks": (too_few_requests, {}),
    "no engine": (lambda _: None, {"DOCKER_HOST": NOWHERE, "TARGET": "image"}),
    "a host without a registry": (lambda _: None, {"DEPLOY_HOST": "ssh://deploy@127.0.0.1"}),
    "no export": (lambda _: None, {"REQUESTS_URL": "http://127.0.0.1:9/requests"}),
    "no digest": (lambda _: None, {"IMAGE": "someone/flights:latest", "DEPLOY_HOST": ""}),
}


@pytest.mark.parametrize("cause", PLANTS)
def test_a_cause_ends_with_its_code(folder: Path, cause: str) -> None:
    plant, environment = PLANTS[cause]
    plant(folder)
    target = CAUSES[cause].target
    if target == "requests":
        shutil.copytree(folder / "build" / "train" / "model", folder / "build" / "champion")
    assert make(target, folder, **environment) == CAUSES[cause].code
    if target in ("data", "train", "evaluate", "load-test", "drift"):
        assert {after: make(after, folder) for after in AFTERWARDS} == dict.fromkeys(AFTERWARDS, 0)


def test_drift_that_is_found_ends_with_its_code(tmp_path: Path) -> None:
    build, digest = scheduled.champion(tmp_path)
    moved = rows(900, seed=3).assign(temp=lambda table: table["temp"] + 20)
    scheduled.bring_log(build, digest, moved, "2013-10-08T00:00:00")
    write_config(tmp_path / "pipeline.toml")
    assert make("scheduled-drift", tmp_path, HISTORY="") == CAUSES["drift found"].code


def test_a_remote_that_is_gone_ends_with_its_code(tmp_path: Path) -> None:
    remote = make_remote(tmp_path)
    checkout = clone(remote, tmp_path / "checkout")
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "evaluations.json").write_text("{}")
    shutil.rmtree(remote)
    done = subprocess.run(
        [sys.executable, "-m", "publishing", "history-branch", "push", "--history", str(tmp_path / "history")],
        cwd=checkout, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == CAUSES["no remote"].code


def test_an_audit_that_finds_ends_with_its_code(tmp_path: Path) -> None:
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "bad.yml").write_text("on: pull_request_target\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "publishing", "audit", "workflows", "--build", str(tmp_path / "build")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == CAUSES["an audit that finds"].code


@pytest.mark.parametrize("cause", ["no GitHub to ask", "no advisories", "no image to scan"])
def test_an_audit_whose_question_nobody_answers_ends_with_its_code(tmp_path: Path, cause: str) -> None:
    """Each tool's own failure where its port is closed, and where the tool is not there at all."""
    what = CAUSES[cause].target.removeprefix("audit-")
    tools = {"workflows": Path(sys.executable).parent, "dependencies": tmp_path, "image": tmp_path}
    (tmp_path / "Dockerfile").write_text(f"FROM {NOWHERE.removeprefix('tcp://')}/base AS pinned\n")
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    done = subprocess.run(
        [sys.executable, "-m", "publishing", "audit", what, "--build", str(tmp_path / "build")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": f"{tools[what]}:/usr/bin:/bin", "GH_TOKEN": "a-token",
             "HTTPS_PROXY": NOWHERE.replace("tcp", "http"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == CAUSES[cause].code, done.stderr
    assert f"audit-{what}: could not run." in done.stderr


def test_every_cause_is_made() -> None:
    audits = {"an audit that finds", "no GitHub to ask", "no advisories", "no image to scan"}
    made = {*PLANTS, "drift found", "no remote", *audits}
    # tests/containers has a registry; tests/drills holds what counts as not as planned, on the flights.
    assert set(CAUSES) - made == {"no registry", "a drill that misses"}
