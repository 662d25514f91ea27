"""A load test whose workers are on other machines: network namespaces, each with a monotonic clock of its own.

The service is the real one and listens on the bridge; the workers are started as `make load-worker` starts them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.request_log import PREDICTIONS_GLOB
from contracts.schema import read_json
from contracts.stage import Build, Context, Outcome
from contracts.verdict import LoadVerdict
from testbed.tiny_build import config, tiny_build
from tests.scale.bridge import Bridge
from tests.scale.s3_server import skip

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "load-tests"))

from plan import Measured, Sample  # noqa: E402
from run import load_test  # noqa: E402
from service_process import SERVICE  # noqa: E402

PORT = 5557
HOURS = (0, 24, 1000)  # that the workers' monotonic clocks are ahead


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    one = Bridge("ghload0", "10.213.0")
    try:
        yield one
    finally:
        one.end()


@pytest.fixture(scope="module")
def machines(bridge: Bridge) -> list[list[str]]:
    """Three machines: the beginning of a command that runs there."""
    clock = ["unshare", "--time", "--fork", "--kill-child", "--monotonic"]
    if subprocess.run([*clock, "1", "true"], check=False, capture_output=True).returncode:
        skip("Clocks that differ need a kernel and an unshare with time namespaces.")
    return [[*bridge.add(), *clock, str(hours * 3600)] for hours in HOURS]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return tiny_build(tmp_path_factory.mktemp("build"))


@contextmanager
def workers(machines: Sequence[list[str]], address: str) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """A worker on each machine."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "LOAD_MASTER": f"{address}:{PORT}", "GEVENT_BACKEND": "select"}
    command = [sys.executable, "load-tests/load_worker.py", "--name"]
    running = [
        subprocess.Popen([*machine, *command, f"host-{place}"], cwd=ROOT, env=settings)
        for place, machine in enumerate(machines)
    ]
    try:
        yield running
    finally:
        for one in running:
            one.kill()
            one.wait()


def loaded(build: Build, folder: Path, address: str = "", number: int = 0, **load: float) -> Outcome:
    """The stage; with an address its workers come from elsewhere."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (
            ("LOAD_LISTEN", address),
            ("LOAD_WORKERS", str(number or "")),
            ("LOAD_WAIT_SECONDS", "600"),
        ):
            patched.setenv(name, value)
        return load_test(Context(config(**load), build, folder), SERVICE)


def samples(folder: Path) -> tuple[Sample, ...]:
    return read_json(folder / "measured.json", Measured, "make load-test").samples


def of(sent: Sequence[Sample]) -> list[tuple[int, float, str]]:
    return sorted((one.block, round(one.due_s, 6), one.fault) for one in sent)


def test_machines_whose_clocks_differ_by_weeks_send_what_one_process_sends(
    build: Build, bridge: Bridge, machines: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, three = tmp_path / "one", tmp_path / "three"
    load: dict[str, Any] = {"requests_per_second": 200.0, "connections": 8, "seconds": 10.0}
    for folder in (one, three):
        folder.mkdir()
    assert loaded(build, one, **load).verdict == "pass"
    with workers(machines, bridge.address) as running:
        outcome = loaded(build, three, bridge.address, 3, **load)
        assert outcome.verdict == "pass", outcome
        assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(samples(three)) == 2000
    assert of(samples(one)) == of(samples(three))
    with capsys.disabled():
        for name, folder in (("one process", one), ("three workers", three)):
            seen = read_json(folder / "verdict.json", LoadVerdict, "make load-test")
            late = sorted(1000 * (sample.sent_s - sample.due_s) for sample in samples(folder))
            print(
                f"\n  {name}: {seen.requests} requests at {seen.requests_per_second:.1f}/s, {seen.failures} failed, "
                f"p50 {seen.p50_ms} ms, p95 {seen.p95_ms} ms, p99 {seen.p99_ms} ms, {seen.cpu_us_per_request:.0f} µs "
                f"CPU a request; sent {late[1000]:.3f} ms late at the median, {late[1980]:.3f} ms at the p99",
                end="",
            )


def kill_under_load(worker: "subprocess.Popen[bytes]", requests: Path) -> None:
    """kill -9 of what runs a worker, and so of the worker, when the service has logged some requests."""
    until = time.monotonic() + 600
    while sum(path.read_text().count("\n") for path in requests.glob(PREDICTIONS_GLOB)) < 400:
        assert time.monotonic() < until
        time.sleep(0.05)
    worker.kill()


def test_one_of_three_machines_that_dies_leaves_no_verdict_and_is_named(
    build: Build, bridge: Bridge, machines: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with workers(machines, bridge.address) as running, ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kill_under_load, running[1], tmp_path / "requests")
        began = time.monotonic()
        outcome = loaded(build, tmp_path, bridge.address, 3, seconds=120.0)
        killed.result()
        took = time.monotonic() - began
    assert (outcome.verdict, outcome.code) == ("unmeasured", "worker-lost")
    assert "host-1" in outcome.headline
    assert not (tmp_path / "verdict.json").exists()
    with capsys.disabled():
        print(f"\n  of a load of 120 s, ended after {took:.0f} s: {outcome.headline}", end="")
