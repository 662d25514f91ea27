"""What is looked at beside the load: a real service is asked by every route, and its log read, with planted faults."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checks.log import faults_of_log
from checks.looked import Looked, beside, is_the_machines, not_measured
from checks.routes import UNKNOWN_CATEGORY, Asked, Row, ask_routes, probing_rows
from limits import leak_bytes
from plan import Machine, Request
from service_process import served
from traffic import replayed

from contracts.pipeline_toml.keys import Load
from contracts.stage import Build
from drills.load import serves_with
from scoring.scorer import Scorer, load_scorer
from testbed.tiny_build import tiny_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return tiny_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def scorer(build: Build) -> Scorer:
    return load_scorer(build.challenger)


@pytest.fixture(scope="module")
def requests(build: Build, scorer: Scorer) -> tuple[Request, ...]:
    return replayed(build.stage("data") / "replay.parquet", scorer, 300, seed=7).requests


@contextmanager
def planted(fault: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(serves_with(fault) if fault else {})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def asked(fault: str, build: Build, requests: tuple[Request, ...], folder: Path) -> tuple[Asked, Counter[str]]:
    """What a service with this fault answers by every route, and what its log then lacks."""
    scorer = load_scorer(build.challenger)
    with planted(fault), served(build.challenger, folder / "requests", folder / "service.log") as service:
        seen = ask_routes(service.url, scorer, requests)
    return seen, faults_of_log(folder / "requests", scorer, seen.sent)


def test_a_right_service_answers_every_route_and_logs_the_truth(
    build: Build, requests: tuple[Request, ...], tmp_path: Path
) -> None:
    seen, log = asked("", build, requests, tmp_path)
    assert (seen.faults, log) == (Counter(), Counter())
    assert seen.rows == len(seen.sent) > 300


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("turns_batches", "/predict/batch in Arrow: wrong"),
        ("forgets_a_category", "/predict/batch: wrong"),
        ("loses_the_last_row", "/predict/batch: 9 answers to 10 rows"),
    ],
)
def test_a_route_that_answers_otherwise_is_found(
    fault: str, said: str, build: Build, requests: tuple[Request, ...], tmp_path: Path
) -> None:
    seen, _ = asked(fault, build, requests, tmp_path)
    assert any(one.startswith(said) for one in seen.faults), seen.faults


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("gives_an_id_twice", "answers under an id of another one"),
        ("drops_records", "answers without a record"),
        ("logs_rounded", "records with other features than were sent"),
        ("logs_the_row_before", "records with other features than were sent"),
        ("logs_another_probability", "records whose features, scored again, give another prediction"),
    ],
)
def test_a_log_that_is_not_complete_and_true_is_found(
    fault: str, said: str, build: Build, requests: tuple[Request, ...], tmp_path: Path
) -> None:
    seen, log = asked(fault, build, requests, tmp_path)
    assert said in log, (log, seen.faults)


def test_every_category_and_every_gap_is_asked_and_the_first_row_twice(scorer: Scorer) -> None:
    load: list[Row] = [{"distance": float(place), "is_weekend": True, "carrier": "AA"} for place in range(3)]
    rows = probing_rows(scorer, load)
    assert rows[0] == rows[1]
    assert {row["carrier"] for row in rows} == {"AA", "UA", None, UNKNOWN_CATEGORY}
    assert any(row["distance"] is None for row in rows)


STEADY = [80 + place * 0.2 for place in range(41)]


@pytest.mark.parametrize(
    ("memory", "leaks"),
    [
        (STEADY, True),  # 2 kB of each of 4,000 requests
        ([80 + 8 * (place / 40) ** 2 for place in range(41)], True),  # ever more
        ([80 + (place // 9) * 1.0 for place in range(41)], True),  # by the megabyte, as an allocator asks for it
        ([80.0] * 41, False),
        ([80 + min(place, 12) * 0.5 for place in range(41)], False),  # fills up, and stands
        ([80 + (place == 40) * 3.0 for place in range(41)], False),  # once
        ([80 + place * 0.02 for place in range(41)], False),  # less than an allocator asks for at once
        ([80.0, 95.0], False),  # nobody looked in between
    ],
)
def test_memory_that_grows_all_the_time_is_a_leak(memory: list[float], leaks: bool) -> None:
    assert (leak_bytes(memory, 4000) > Load().max_leak_bytes) == leaks


BUSY = Machine(others_share=0.6, steal_share=0.0, lag_ms=(2.0, 160.0, 230.0, 500.0), waited_ms=3.0)
LOAD = Load(max_p50_ms=10, max_p95_ms=50, max_p99_ms=100, max_stall_ms=1000)


@pytest.mark.parametrize(
    ("latencies", "machine", "is_machines"),
    [
        ((8.0, 509.0, 780.0, 1600.0), BUSY, True),
        ((8.0, 609.0, 780.0, 1600.0), BUSY, False),  # 129 ms of it are the service's own
        ((8.0, 509.0, 780.0, 1600.0), BUSY.model_copy(update={"others_share": 0.05}), False),  # it starves itself
        ((8.0, 509.0, 780.0, 1600.0), BUSY.model_copy(update={"others_share": 0.0, "steal_share": 0.3}), True),
        ((8.0, 509.0, 780.0, 1600.0), None, False),
    ],
)
def test_a_p95_that_only_a_busy_machine_explains_is_not_the_services(
    latencies: tuple[float, float, float, float], machine: Machine | None, is_machines: bool
) -> None:
    assert is_the_machines("p95_limit", latencies, LOAD, machine) == is_machines


def test_wrong_answers_are_never_the_machines() -> None:
    assert not is_the_machines("wrong_answers", (1.0, 1.0, 1.0, 1.0), LOAD, BUSY)
    assert "60%" in not_measured(BUSY)


def test_nothing_is_said_of_routes_that_were_not_asked() -> None:
    assert list(beside(Looked())) == []
    assert [one.passed for _, one in beside(Looked(10, Counter({"/v2: status 500": 3})))] == [False, True]
