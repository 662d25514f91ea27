"""The model of serving obeys queueing theory and the code's own limits, and its table names what it assumes."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity import checks, fleet
from benchmarks.capacity.edge import EDGE_IN_FLIGHT, EDGE_QUEUE, EDGE_QUEUE_SECONDS, EdgeCosts, behind_the_edge
from benchmarks.capacity.event_loop import (
    MAX_WAIT_SECONDS,
    NO_STALLS,
    CoreTime,
    Costs,
    FloatArray,
    Outcome,
    Stalls,
    one_replica,
)
from benchmarks.capacity.load import Streamed
from benchmarks.capacity.serving import Cell
from benchmarks.capacity.volumes import LogVolume, MetricVolume
from testbed.serving import EDGE_CONFIG

COSTS = Costs(turn=50e-6, request=1e-3, refusal=20e-6)
OF_EDGE = EdgeCosts(request=40e-6, refusal=10e-6)
CAPACITY = 1 / COSTS.request


def poisson(rate: float, seconds: float) -> FloatArray:
    return np.sort(np.random.default_rng(0).uniform(0, seconds, round(rate * seconds)))


def test_a_request_that_is_alone_takes_its_turn_and_the_way() -> None:
    outcome = one_replica(np.array([1.0]), replace(COSTS, way=3e-6), NO_STALLS)
    assert outcome.latencies == pytest.approx([50e-6 + 1e-3 + 3e-6])
    behind = behind_the_edge(np.array([1.0]), replace(COSTS, way=3e-6), OF_EDGE, NO_STALLS, 2)
    assert behind.latencies == pytest.approx([40e-6 + 50e-6 + 1e-3 + 3e-6])


def test_requests_that_come_together_leave_together() -> None:
    outcome = one_replica(np.array([0.0] * 5), COSTS, NO_STALLS)
    assert outcome.latencies == pytest.approx([50e-6 + 5e-3] * 5)


def test_every_request_is_answered_or_refused_once() -> None:
    for times in (0.5, 1, 2, 5):
        arrivals = poisson(times * CAPACITY, 5)
        for outcome in (
            one_replica(arrivals, COSTS, NO_STALLS),
            behind_the_edge(arrivals, COSTS, OF_EDGE, NO_STALLS, 2),
        ):
            assert len(outcome.latencies) + outcome.refused == len(arrivals)
            assert (outcome.latencies > 0).all()


def test_light_loads_wait_as_long_as_pollaczek_and_khinchine_say() -> None:
    """With turns that cost nothing: an answer waits for the others of its turn, too, so longer than in M/D/1."""
    busy = 0.3
    outcome = one_replica(poisson(busy * CAPACITY, 200), replace(COSTS, turn=0.0, refusal=0.0), NO_STALLS)
    waits = busy * COSTS.request / (2 * (1 - busy))
    assert COSTS.request + waits < outcome.latencies.mean() < COSTS.request + 3 * waits


def test_overload_answers_the_capacity_within_the_limit_of_waiting() -> None:
    outcome = one_replica(poisson(3 * CAPACITY, 10), COSTS, NO_STALLS)
    assert len(outcome.latencies) == pytest.approx(0.92 * 10 * CAPACITY, rel=0.08)
    assert outcome.quantile_ms(1.0) < 1000 * MAX_WAIT_SECONDS
    assert outcome.quantile_ms(0.5) < 50  # the standing queue, not the whole limit


def test_the_edge_keeps_no_more_than_its_queue_and_the_places() -> None:
    outcome = behind_the_edge(np.zeros(2000), COSTS, replace(OF_EDGE, request=0.0), NO_STALLS, 2)
    places = EDGE_QUEUE + 2 * EDGE_IN_FLIGHT
    assert len(outcome.latencies) <= places
    assert outcome.latencies.max() < EDGE_QUEUE_SECONDS + 2 * EDGE_IN_FLIGHT * 2 * COSTS.request


def test_the_edges_limits_are_those_of_its_configuration() -> None:
    text = EDGE_CONFIG.read_text(encoding="utf-8")
    found = {name: int(value) for name, value in re.findall(r"\$\{(EDGE_(?:IN_FLIGHT|QUEUE|QUEUE_MS))-(\d+)\}", text)}
    assert found == {
        "EDGE_IN_FLIGHT": EDGE_IN_FLIGHT,
        "EDGE_QUEUE": EDGE_QUEUE,
        "EDGE_QUEUE_MS": 1000 * EDGE_QUEUE_SECONDS,
    }


# Fractions of two, so that sums are exact.
SECONDS = st.integers(0, 10_000).map(lambda ticks: ticks / 1024)
STALLS = st.lists(st.tuples(SECONDS, st.integers(1, 100).map(lambda ticks: ticks / 1024)), max_size=8)


@given(STALLS, st.lists(SECONDS, min_size=1))
def test_a_core_that_stalls_loses_that_time_and_none_twice(
    stalls: list[tuple[float, float]], moments: list[float]
) -> None:
    begins, lengths = (np.array([one[place] for one in sorted(stalls)]) for place in (0, 1))
    core, wall = CoreTime(Stalls(begins, lengths, 10)), np.sort(np.array(moments))
    of_core = core.of_wall(wall)
    assert (np.diff(of_core) >= -1e-12).all()
    assert (core.to_wall(of_core) <= wall + 1e-9).all()
    assert (core.awake(wall) >= wall).all()
    assert core.of_wall(core.to_wall(of_core)) == pytest.approx(of_core)
    assert core.of_wall(np.array([100.0]))[0] == pytest.approx(100 - lengths.sum())


def test_a_stall_is_waited_for() -> None:
    outcome = one_replica(np.array([1.0]), COSTS, Stalls(np.array([1.0005]), np.array([0.2]), 2))
    assert outcome.latencies == pytest.approx([0.2 + 50e-6 + 1e-3])
    late = one_replica(np.array([1.0]), COSTS, NO_STALLS, Stalls(np.array([1.001]), np.array([0.2]), 2))
    assert late.latencies == pytest.approx([0.201])


KNOWN = fleet.Known(
    Costs(turn=40e-6, request=40e-6, refusal=10e-6), EdgeCosts(35e-6, 9e-6),
    Stalls(np.array([0.1]), np.array([0.004]), 2.0), 1.5,
    LogVolume(raw=500.0, packed=70.0, pack_seconds=2e-6, read_seconds=8e-6),
    MetricVolume(700, 50_000, 400, bytes_of_a_series=2200.0, seconds_of_a_sample=1e-6),
    row_seconds=1e-6, push_minutes=12,
)  # fmt: skip
GIVEN = fleet.Assumptions()


def test_a_faster_answer_needs_more_replicas() -> None:
    rates = [fleet.usable_rate(KNOWN, p99_ms, seconds=2) for p99_ms in (3, 5, 25)]
    assert 0 < rates[0] <= rates[1] <= rates[2] < 25_000
    assert rates[0] < rates[2]
    with pytest.raises(SystemExit, match="--p99-ms"):
        fleet.usable_rate(KNOWN, 0.1, seconds=2)


def test_what_a_fleet_leaves_behind_adds_up() -> None:
    one = fleet.Fleet(replicas=100, a_day=1e9, peak=35_000)
    assert one.objects(KNOWN, GIVEN) == pytest.approx(100 * 1e7 * 500 / 64 / 1024**2)
    assert fleet.Fleet(1000, 1e6, 35).objects(KNOWN, GIVEN) == 24_000
    assert one.gets(KNOWN, GIVEN) == pytest.approx(2 * 7e9 * 70 / 2**20, rel=0.01)
    assert fleet.fleets(1000.0, GIVEN)[0].replicas == 36
    assert [each.replicas for each in fleet.fleets(1000.0, GIVEN)[1:]] == list(fleet.FLEETS)


def test_the_table_has_a_line_for_each_part_and_says_its_prices() -> None:
    lines = fleet.table(KNOWN, GIVEN, 10_000).splitlines()
    assert len(lines) == 2 + len(fleet.WHAT)
    assert {line.count("|") for line in lines} == {7}
    assert "| 3,600 |" in lines[-1]
    assert "9.5 for a million puts" in fleet.said(KNOWN, replace(GIVEN, put_price=9.5), 10_000)


def test_measured_rows_and_minutes_are_found_in_the_documents() -> None:
    assert 1e-8 < fleet.row_seconds() < 1e-4
    assert fleet.push_minutes() >= 6


def cell(times: float, seen: float, model: float) -> Cell:
    streamed = Streamed(np.zeros(1), Outcome(np.full(10, seen), 0), NO_STALLS, NO_STALLS, 0.0, 0)
    return Cell(times, 100.0, streamed, Outcome(np.full(10, model), 10))


def test_the_allowance_is_the_worst_underestimate_below_the_capacity() -> None:
    cells = [cell(0.5, 0.02, 0.01), cell(0.8, 0.01, 0.02), cell(1.0, 0.9, 0.01)]
    assert checks.allowance(cells) == pytest.approx(2.0)
    assert checks.allowance(cells[1:]) == 1.0
    assert "| one | 0.5 × | 100 | 100.0 : 50.0 | 20 : 10 | 20 : 10 |" in checks.table({"one": cells})
    assert "p50 is off by -50% to +100%" in checks.errors({"one": [*cells, cell(2, 1, 1)]})
