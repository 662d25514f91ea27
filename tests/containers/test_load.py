"""The load test on the image that ships: as it runs in production, compared with the champion in the same way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from process_figures import Watched
from run import load_test
from service_container import served_image
from service_process import ServiceError
from targets import IN_CHALLENGERS_IMAGE

from contracts.exits import Exit, UsageError
from contracts.image import ChampionImage
from contracts.model_folder import model_digest
from contracts.request_log import NOT_TRAFFIC, PREDICTIONS_GLOB, SOURCES_GLOB, SourceRecord
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context
from contracts.verdict import LoadVerdict
from deploy.engine import EngineError, docker
from testbed.tiny_build import config, write_replay
from tests.containers.conftest import ROOT, Built, variant

PREFIX = "gatehouse-load-"
# In the service's own code: it takes 700 MB as soon as it is imported.
GREEDY = "RUN printf 'kept = bytearray(700_000_000)\\n' >> /app/service/settings.py"


@pytest.fixture
def build(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """What was built, with a replay table, and a place of its own for the load test."""
    monkeypatch.delenv("TARGET", raising=False)
    own = Build(tmp_path / "build")
    own.root.mkdir()
    for part in ("train", "image"):
        (own.root / part).symlink_to(built.build.root / part)
    write_replay(own.stage("data") / "replay.parquet")
    own.stage("load-test").mkdir()
    return own


def loaded(build: Build, **load: float) -> LoadVerdict:
    assert load_test(Context(config(**load), build, build.stage("load-test")), ("no", "process")).exit_code is Exit.PASS
    return read_json(build.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")


def ours(built: Built) -> list[str]:
    """Containers of a load test from the session's image, or from one made of it; another session has its own image."""
    only = ("--filter", f"name={PREFIX}", "--filter", f"ancestor={built.here}")
    return docker("ps", "--all", *only, "--format", "{{.Names}}").split()


def log_lines(build: Build, pattern: str) -> list[str]:
    return [line for log in (build.stage("load-test") / "requests").glob(pattern) for line in log.open()]


@pytest.mark.image_store
def test_the_image_that_was_built_is_what_is_loaded_and_its_log_is_left_here(built: Built, build: Build) -> None:
    verdict = loaded(build)
    assert (verdict.target, verdict.image, verdict.requests) == ("image", built.image.image_id, 100)
    assert built.image.reference in verdict.served
    assert verdict.paired is None
    assert verdict.cpu_us_per_request > 0
    assert verdict.peak_mb > 10
    lines = log_lines(build, PREDICTIONS_GLOB)
    sources = [SourceRecord.model_validate_json(line) for line in log_lines(build, SOURCES_GLOB)]
    traffic = {source.id for source in sources if source.row != NOT_TRAFFIC}
    assert len(traffic) == 100 + 30
    assert {json.loads(line)["id"] for line in lines} == {source.id for source in sources} > traffic
    assert {json.loads(line)["model"] for line in lines} == {verdict.model}


def test_the_champion_runs_in_the_same_image_where_its_own_is_not_known(build: Build) -> None:
    build.champion.symlink_to(build.challenger)
    paired = loaded(build, blocks=8).paired
    assert paired is not None
    assert (paired.failures, paired.served) == (0, IN_CHALLENGERS_IMAGE)


@pytest.mark.image_store
def test_the_champions_own_image_is_taken_where_it_is_known(built: Built, build: Build) -> None:
    build.champion.symlink_to(build.challenger)
    write_json(
        build.champion_image,
        ChampionImage(model=model_digest(build.champion), reference="its/own:champion", engine_id=built.here),
    )
    paired = loaded(build, blocks=8).paired
    assert paired is not None
    assert paired.served.endswith("its/own:champion")


@pytest.mark.image_store
@pytest.mark.parametrize("changed", ["model", "engine_id"])
def test_what_is_known_of_another_champion_or_an_image_that_is_gone_is_not_used(
    built: Built, build: Build, changed: str
) -> None:
    build.champion.symlink_to(build.challenger)
    known = ChampionImage(model=model_digest(build.champion), reference="its/own:champion", engine_id=built.here)
    write_json(build.champion_image, known.model_copy(update={changed: "sha256:" + "0" * 64}))
    paired = loaded(build, blocks=8).paired
    assert paired is not None
    assert paired.served == IN_CHALLENGERS_IMAGE


def test_an_image_that_the_engine_has_no_more_is_refused_with_what_to_do(built: Built, build: Build) -> None:
    (build.root / "image").unlink()
    gone = built.image.model_copy(update={"image_id": "sha256:" + "0" * 64})
    write_json(build.stage("build") / "image.json", gone)
    with pytest.raises(UsageError, match=r"sha256:0000.*`make build`"):
        loaded(build)


def test_it_runs_without_rights_and_within_the_limits_of_compose(built: Built, tmp_path: Path) -> None:
    with served_image(built.here, tmp_path / "requests", tmp_path / "service.log") as container:
        host = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", container.name))
    assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    replica = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["x-replica"]
    limits = replica["deploy"]["resources"]["limits"]
    assert limits == {"cpus": "${REPLICA_CPUS:-1}", "memory": "${REPLICA_MEMORY:-512M}", "pids": 128}
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (10**9, 512 * 2**20, 128)


def test_its_cpu_seconds_and_memory_are_the_same_seen_from_here_and_from_inside(built: Built, tmp_path: Path) -> None:
    with served_image(built.here, tmp_path / "requests", tmp_path / "service.log") as container:
        here, inside = container.watched, Watched(0, container.name)
        assert (here.container, inside.container) == ("", container.name)
        assert inside.cpu_seconds() == pytest.approx(here.cpu_seconds(), rel=0.2)
        assert inside.peak_mb() == pytest.approx(here.peak_mb(), rel=0.05)
        assert inside.resident_mb() == pytest.approx(here.resident_mb(), rel=0.05)
    assert "stopped" in (tmp_path / "service.log").read_text()
    assert not container.was_killed


def test_a_container_that_needs_more_than_its_memory_ends_the_stage_and_is_removed(
    built: Built, tmp_path: Path
) -> None:
    with (
        variant(built.image.reference, "USER 0", GREEDY, "USER 10001") as greedy,
        pytest.raises(ServiceError, match="memory limit"),
        served_image(greedy, tmp_path / "requests", tmp_path / "service.log"),
    ):
        pass
    assert ours(built) == []


def test_an_image_that_the_engine_cannot_run_is_an_error_and_leaves_nothing(built: Built, tmp_path: Path) -> None:
    with pytest.raises(EngineError), served_image("sha256:" + "0" * 64, tmp_path / "requests", tmp_path / "log"):
        pass
    assert ours(built) == []


def test_a_container_is_removed_when_the_load_crashes(built: Built, tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        served_image(built.here, tmp_path / "requests", tmp_path / "service.log"),
    ):
        _ = 1 / 0
    assert ours(built) == []


def test_a_stage_that_is_told_to_end_leaves_no_container(built: Built, build: Build) -> None:
    command = [sys.executable, "load-tests/run.py", "--build", str(build.root)]
    settings = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.DEVNULL) as stage:
        while not (build.stage("load-test") / "plan.json").exists():
            assert stage.poll() is None
        assert len(ours(built)) == 1
        stage.terminate()
        assert stage.wait(30) != 0
    assert ours(built) == []
