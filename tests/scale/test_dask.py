"""Training on the workers of a Dask cluster: the same bytes as on one machine, also where a worker dies half-way."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import pytest

from contracts.exits import FindingError, OutsideError, UsageError
from tests.scale.dask_cluster import ROOT, Cluster, dask_cluster
from tests.scale.trained import Trained, trained
from training.cluster import VARIABLE, run_fits

SHARED = [1, 2, 3]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights, read and split."""
    folder = tmp_path_factory.mktemp("build")
    command = [sys.executable, "-m", "training", "data", "--build", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {VARIABLE: ""}, check=True)
    return folder


@pytest.fixture(scope="module")
def alone(build: Path) -> Trained:
    """Trained on this machine."""
    return trained_by(build)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with dask_cluster(tmp_path, workers=2) as one:
        yield one


def test_two_workers_train_the_same_bytes_as_one_machine(
    build: Path, alone: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dask_cluster(tmp_path, workers=1) as one:
        by_one = trained_by(build, one.address)
        one.add_worker()
        by_two = trained_by(build, one.address)
    assert by_one.files == by_two.files == alone.files
    with capsys.disabled():
        ratio = by_one.seconds / by_two.seconds
        print(
            f"\n  search: one worker {by_one.seconds:.1f} s, two {by_two.seconds:.1f} s, {ratio:.2f} times as fast; "
            f"on the cores of one machine {alone.seconds:.1f} s"
        )


def test_a_worker_killed_half_way_changes_no_byte(build: Path, alone: Trained, cluster: Cluster) -> None:
    left = trained_by(build, cluster.address, when_fitting=cluster.kill_worker)
    assert left.files == alone.files


def test_a_worker_with_other_code_gets_no_work(cluster: Cluster, tmp_path: Path) -> None:
    for package in ("contracts", "training", "scoring"):
        shutil.copytree(ROOT / package, tmp_path / "other" / package)
    with (tmp_path / "other" / "training" / "tables.py").open("a") as file:
        file.write("# changed\n")
    cluster.add_worker(tmp_path / "other")
    with pytest.raises(UsageError, match=r"has code of contracts, training, scoring: \w+; required, as here: \w+"):
        list(run_fits([joblib.delayed(len)(SHARED)], SHARED, 1))


def test_a_worker_without_the_project_gets_no_work(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_worker(tmp_path)
    with pytest.raises(UsageError, match="cannot import this project"):
        list(run_fits([joblib.delayed(len)(SHARED)], SHARED, 1))


@pytest.mark.usefixtures("cluster")
def test_what_a_fit_raises_comes_back_as_it_was() -> None:
    with pytest.raises(FindingError, match="no model of this") as raised:
        list(run_fits([joblib.delayed(refuse)(SHARED, number) for number in range(4)], SHARED, 1))
    assert raised.value.code == "fit-failed"


def test_a_fit_that_kills_its_workers_ends_the_run_and_says_so(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, workers=2, deaths_allowed=0), pytest.raises(OutsideError, match=r"gave up: .* die"):
        list(run_fits([joblib.delayed(die)(SHARED)], SHARED, 1))


def test_without_any_worker_left_the_run_ends(cluster: Cluster) -> None:
    results = run_fits([joblib.delayed(rest)(SHARED, number) for number in range(40)], SHARED, 1)
    assert next(results) == 0
    cluster.kill_workers()
    with pytest.raises(OutsideError, match="gave up"):
        list(results)


@pytest.fixture(autouse=True)
def _cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, Cluster.address)


def test_workers_that_do_not_reach_each_other_are_refused(cluster: Cluster) -> None:
    cluster.join(together=False)
    with pytest.raises(UsageError, match="does not reach tcp://"):
        list(run_fits([joblib.delayed(len)(SHARED)], SHARED, 1))


def rest(shared: list[int], number: int) -> int:
    time.sleep(0.5 * len(shared))
    return number


def die(shared: list[int]) -> None:
    os._exit(len(shared))


def refuse(shared: list[int], number: int) -> None:
    assert shared == SHARED
    raise FindingError(f"There is no model of this: {number}.", code="fit-failed")


def trained_by(build: Path, address: str = "", when_fitting: Callable[[], object] | None = None) -> Trained:
    """What `make train` trains on the cluster at `address`, or on this machine."""
    command = [sys.executable, "-m", "training", "train", "--build", str(build)]
    return trained(command, os.environ | {VARIABLE: address}, build, when_fitting)
