"""Load that several workers send: the same requests and verdict as one process, and none without all of them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from checks.machine import Observed, machine_of
from hypothesis import given
from hypothesis import strategies as st
from plan import Measured, Plan, Request, Variant, interleaved
from run import load_test
from service_process import SERVICE
from workers.crew import Crew, connections_of, crew_of
from workers.messages import digest_of, packed, unpacked

from contracts.exits import Exit, UsageError
from contracts.request_log import PREDICTIONS_GLOB, SourceRecord
from contracts.schema import read_json
from contracts.stage import Build, Context, Outcome
from contracts.verdict import LoadVerdict
from testbed.tiny_build import config, tiny_build
from tests.load_tests.test_runs import rows_of
from tests.refusals import refuses

ROOT = Path(__file__).parents[2]
WORKER = ("load-tests/load_worker.py",)


@pytest.fixture(autouse=True, scope="module")
def _patience() -> Iterator[None]:
    """A worker's start takes two seconds of CPU time, which a busy machine does not have at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOAD_WAIT_SECONDS", "600")
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return tiny_build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD_WORKERS", "3")


def run(build: Build, folder: Path, **load: float) -> Outcome:
    return load_test(Context(config(**load), build, folder), SERVICE)


def sent(folder: Path) -> tuple[list[tuple[int, float, str]], Counter[int]]:
    """Every counted request by block, due time and fault, and how often each row was answered."""
    measured = read_json(folder / "measured.json", Measured, "make load-test")
    lines = (folder / "requests" / "sources-load-test.jsonl").read_text().splitlines()
    rows = Counter(SourceRecord.model_validate_json(line).row for line in lines)
    return sorted((one.block, round(one.due_s, 6), one.fault) for one in measured.samples), rows


@pytest.fixture(scope="module")
def by_one_and_by_three(build: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of two runs of one plan: by one process, and by three workers."""
    one, three = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("three")
    run(build, one)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOAD_WORKERS", "3")
        run(build, three)
    return one, three


def test_three_workers_send_what_one_process_sends_and_the_verdict_is_the_same(
    by_one_and_by_three: tuple[Path, Path],
) -> None:
    one, three = by_one_and_by_three
    assert (one / "plan.json").read_bytes() == (three / "plan.json").read_bytes()
    assert sent(one) == sent(three)
    first, second = (read_json(each / "verdict.json", LoadVerdict, "make load-test") for each in (one, three))
    assert (first.verdict, first.requests, first.failures) == ("pass", 100, 0)
    assert (second.verdict, second.requests, second.failures) == ("pass", 100, 0)
    assert [each.name for each in first.checks] == [each.name for each in second.checks]
    assert first.evidence == second.evidence


def test_each_worker_had_its_share(by_one_and_by_three: tuple[Path, Path]) -> None:
    _, three = by_one_and_by_three
    said = [(three / f"worker-{number}.log").read_text() for number in (1, 2, 3)]
    assert said == [f"worker-{number}: worker {number} of 3\n" for number in (1, 2, 3)]


def test_locusts_own_pages_have_the_requests_of_all_workers(by_one_and_by_three: tuple[Path, Path]) -> None:
    _, three = by_one_and_by_three
    verdict = read_json(three / "verdict.json", LoadVerdict, "make load-test")
    locusts = rows_of(three / "locust_stats.csv")[-1]
    assert int(locusts["Request Count"]) == 100
    assert [float(locusts[share]) for share in ("50%", "95%", "99%")] == [
        verdict.p50_ms,
        verdict.p95_ms,
        verdict.p99_ms,
    ]
    assert float(locusts["Requests/s"]) > 20
    assert f'"0.95": {verdict.p95_ms}' in (three / "locust.html").read_text(encoding="utf-8")


def worker_called(name: str) -> psutil.Process:
    """The worker of this process that has this name."""
    (found,) = [one for one in psutil.Process().children() if one.cmdline()[-1:] == [name]]
    return found


def kill_under_load(name: str, requests: Path) -> None:
    """kill -9 of a worker as soon as the service has logged some requests."""
    until = time.monotonic() + 600
    while sum(path.read_text().count("\n") for path in requests.glob(PREDICTIONS_GLOB)) < 150:
        assert time.monotonic() < until
        time.sleep(0.05)
    worker_called(name).kill()


@pytest.mark.usefixtures("three")
def test_a_run_that_loses_a_worker_is_unmeasured_and_names_it(build: Build, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kill_under_load, "worker-2", tmp_path / "requests")
        outcome = run(build, tmp_path, seconds=30.0)
        killed.result()
    assert (outcome.verdict, outcome.exit_code, outcome.code) == ("unmeasured", Exit.FINDING, "worker-lost")
    for shown in ("worker-2", "SIGKILL", "all 3 workers", "3,000", "`make load-test`"):
        assert shown in outcome.headline
    assert not (tmp_path / "verdict.json").exists()
    assert not (tmp_path / "measured.json").exists()
    assert not [one for one in psutil.Process().children() if "load_worker.py" in " ".join(one.cmdline())]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address where workers that are started by hand come in."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("LOAD_WORKERS", "2")
    monkeypatch.setenv("LOAD_LISTEN", address)
    return address


@contextmanager
def by_hand(address: str, *names: str, checkout: Path = ROOT) -> "Iterator[list[subprocess.Popen[str]]]":
    """Workers as `make load-worker` starts them, ended at the end of the block."""
    settings = {**os.environ, "PYTHONPATH": str(checkout), "LOAD_MASTER": address, "GEVENT_BACKEND": "select"}
    workers = [
        subprocess.Popen(
            [sys.executable, *WORKER],
            cwd=checkout,
            env=settings | {"LOAD_WORKER": name},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        yield workers
    finally:
        for one in workers:
            one.kill()
            one.communicate()


def test_workers_started_by_hand_are_taken_and_one_too_many_is_told_so(
    build: Build, tmp_path: Path, elsewhere: str
) -> None:
    with by_hand(elsewhere, "b", "a", "c") as workers:
        outcome = run(build, tmp_path, seconds=3.0)
        assert outcome.verdict == "pass", outcome
        codes = sorted(one.wait(300) for one in workers)
        said = "".join(one.stderr.read() for one in workers if one.stderr)
    assert codes == [Exit.PASS, Exit.PASS, Exit.USAGE]
    assert "2 workers already (LOAD_WORKERS)" in said
    assert len(sent(tmp_path)[0]) == 300


def test_workers_that_do_not_come_are_counted_and_named_in_bounded_time(
    build: Build, tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD_WAIT_SECONDS", "3")
    began = time.monotonic()
    with (
        by_hand(elsewhere, "lonely"),
        refuses(UsageError, "workers-missing", "of 2 workers", elsewhere, "3 s", "make load-worker", "LOAD_WORKERS"),
    ):
        run(build, tmp_path)
    assert time.monotonic() - began < 120


def test_a_worker_with_other_files_is_refused_before_it_sends_anything(
    build: Build, tmp_path: Path, elsewhere: str
) -> None:
    other = tmp_path / "checkout"
    for part in ("load-tests", "contracts", "service"):
        shutil.copytree(ROOT / part, other / part)
    with (other / "load-tests" / "locustfile.py").open("a") as file:
        file.write("# changed\n")
    (tmp_path / "out").mkdir()
    with (
        by_hand(elsewhere, "other", "too", checkout=other),
        refuses(UsageError, "other-worker", "code of load-tests, contracts", "make setup"),
    ):
        run(build, tmp_path / "out")
    assert not [*(tmp_path / "out" / "requests").glob(PREDICTIONS_GLOB)]


@pytest.mark.parametrize(
    ("variables", "code", "shown"),
    [
        ({"LOAD_WORKERS": "9"}, "wrong-workers", "load.connections in pipeline.toml, which is 8"),
        ({"LOAD_WORKERS": "0"}, "wrong-workers", "a number from 1"),
        ({"LOAD_WORKERS": "three"}, "wrong-workers", "'three'"),
        ({"LOAD_LISTEN": "10.0.0.5"}, "wrong-workers", "LOAD_WORKERS is not set"),
        ({"LOAD_WORKERS": "2", "LOAD_LISTEN": "0.0.0.0"}, "wrong-address", "one address"),
        ({"LOAD_WORKERS": "2", "LOAD_LISTEN": "10.0.0.5:http"}, "wrong-address", "10.0.0.5:5557"),
        ({"LOAD_WORKERS": "2", "LOAD_WAIT_SECONDS": "soon"}, "wrong-workers", "'soon'"),
    ],
)
def test_what_cannot_be_meant_is_refused(variables: dict[str, str], code: str, shown: str) -> None:
    with refuses(UsageError, code, shown):
        crew_of(variables, connections=8)


def test_without_any_variable_one_process_sends_everything() -> None:
    assert crew_of({}, 8) == Crew()
    assert crew_of({"LOAD_WORKERS": "", "LOAD_LISTEN": ""}, 8) == Crew()
    assert not crew_of({"LOAD_WORKERS": "8"}, 8).is_elsewhere
    assert crew_of({"LOAD_WORKERS": "2", "LOAD_LISTEN": "10.0.0.5"}, 8) == Crew(2, "10.0.0.5", 5557)


def plan(connections: int, requests: int) -> Plan:
    variants = tuple(Variant(model=name, requests=(Request(body="{}"),)) for name in ("one", "other"))
    blocks = interleaved(8, requests, requests / 100, 0.1)
    return Plan(requests_per_second=100, connections=connections, warmup_seconds=0.1, variants=variants, blocks=blocks)


@given(connections=st.integers(1, 12), workers=st.integers(1, 12), requests=st.integers(1, 30))
def test_every_request_is_at_one_worker_on_the_connection_that_it_has_in_one_process(
    connections: int, workers: int, requests: int
) -> None:
    whole = [*plan(connections, requests).timetable(1)]
    shares = [connections_of(number, workers, connections) for number in range(workers)]
    sent = [due for share in shares for one in share for due in whole[one::connections]]
    assert sorted(sent) == whole
    assert sorted(one for share in shares for one in share) == [*range(connections)]


def test_a_plan_arrives_as_it_was_sent() -> None:
    one = plan(4, 25)
    assert unpacked(packed(one)) == one
    assert digest_of(unpacked(packed(one))) == digest_of(one) != digest_of(plan(4, 26))


def seen(machine: str, busy: float, ours: float, lag_ms: float = 0.1, waited: float = 0.0) -> Observed:
    """What a process on two cores saw in ten seconds."""
    return Observed(machine, 20.0, busy, 0.0, ours, waited, [lag_ms] * 100)


def test_workers_on_the_services_machine_are_no_other_processes() -> None:
    workers = [seen("a", busy=12.0, ours=2.0), seen("a", busy=12.0, ours=3.0)]
    measured = machine_of(seen("a", busy=12.0, ours=6.0, waited=0.5), workers, requests=1000)
    assert measured is not None
    assert measured.others_share == 0.05
    assert measured.waited_ms == 0.5


def test_the_busiest_machine_counts_and_the_largest_lag() -> None:
    workers = [seen("b", busy=10.0, ours=1.0, lag_ms=40.0), seen("c", busy=1.0, ours=1.0)]
    measured = machine_of(seen("a", busy=6.0, ours=6.0), workers, requests=1000)
    assert measured is not None
    assert measured.others_share == 0.45
    assert measured.lag_ms[3] == 40.0


def test_where_one_kernel_does_not_tell_nothing_is_said_of_the_machine() -> None:
    assert machine_of(seen("a", 1, 1), [None], 10) is None
    assert machine_of(None, [seen("a", 1, 1)], 10) is None
