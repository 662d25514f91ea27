"""The rehearsal's own part: what the client saw is told apart by when, and a missing image is said."""

import subprocess
import sys
from pathlib import Path

from contracts.exits import Exit
from contracts.release import Rollout
from contracts.schema import write_json
from deploy.engine import NoEngineError, check_engine
from deploy.rollout.rehearse import played, table
from deploy.rollout.steady_client import Request
from testbed.images import image

ROOT = Path(__file__).parents[3]
OLD, NEW = "sha256:old", "sha256:new"


def rollout(serving_at: float) -> Rollout:
    return Rollout(
        action="deploy", image="", exit_code=0, reason="serves", seconds=60, serving_after_seconds=40.5,
        serving_at=serving_at, steps=(),
    )  # fmt: skip


def request(due: float, model: str, error: str = "", latency_ms: float = 2.0) -> Request:
    return Request(due, latency_ms, "new", 0 if error else 200, model, error)


def test_before_during_and_after_the_switch_are_told_apart() -> None:
    seen = [request(1, OLD, latency_ms=1.0), request(11, OLD), request(12, NEW), request(21, NEW), request(22, OLD)]
    act = played("deploy", rollout(20), seen, 10, NEW)
    assert (act.requests, act.failed, act.wrong_version) == (4, 0, 1)
    assert (act.quiet_p99_ms, act.p99_ms) == (1.0, 2.0)


def test_a_failure_counts_whenever_it_was() -> None:
    seen = [request(1, OLD, "reset"), request(11, "", "status 503"), request(21, "", "reset"), request(22, NEW)]
    act = played("deploy", rollout(20), seen, 10, NEW)
    assert (act.failed, act.wrong_version) == (3, 0)
    _, _, row = table([act]).splitlines()
    assert row.split(" | ")[1:4] == ["3", "3", "0"]


def rehearsed(build: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy", "rehearse", "--build", str(build)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_an_image_there_is_nothing_to_rehearse(tmp_path: Path) -> None:
    done = rehearsed(tmp_path)
    assert done.returncode == Exit.USAGE
    assert "make build" in done.stderr or "No container engine" in done.stderr or "no `docker`" in done.stderr


def test_an_image_that_is_gone_is_said_to_be_built_again(tmp_path: Path) -> None:
    made = image(reference="nobody/nothing:gone")
    write_json(tmp_path / "image" / "image.json", made)
    done = rehearsed(tmp_path)
    assert done.returncode == Exit.USAGE
    try:
        check_engine()
    except NoEngineError:
        return
    assert "nobody/nothing:gone" in done.stderr
    assert "make build" in done.stderr
