"""Measures a replica, and two behind HAProxy: what turns, requests and refusals cost, and what becomes of a load.

Services and HAProxy share one core, and the client has the other.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.capacity.edge import EDGE_IN_FLIGHT, EdgeCosts, behind_the_edge
from benchmarks.capacity.event_loop import Costs, Outcome, Stalls, one_replica
from benchmarks.capacity.load import Loop, Streamed, closed, stream
from benchmarks.serving.servers import Kind, Server, started
from testbed.programs import answers, eventually, free_port, program, running
from testbed.serving import EDGE_CONFIG

LOOPS, FULL = (1, 2, 4, 8, 16, 64), 64
LIGHT, OVERLOAD = 0.1, 3.0
REPLICAS, TRIES = 2, 3
Result = TypeVar("Result")


@dataclass(frozen=True)
class Load:
    """A kind of request, and at which multiples of the capacity it is sent.

    `overload`: the multiple that shows what a crowd costs, none of `times`.
    """

    name: str
    requests: Sequence[bytes]
    times: tuple[float, ...]
    overload: float = OVERLOAD


@dataclass(frozen=True)
class Measured:
    """What the model gets of a kind of load. `capacity`: requests/s in a closed loop of FULL connections."""

    costs: Costs
    capacity: float


@dataclass(frozen=True)
class Cell:
    """A load at one rate: what was seen of it, and what the model says."""

    times: float
    rate: float
    seen: Streamed
    model: Outcome


@dataclass(frozen=True)
class Bench:
    """Where and for how long. `core`: of services and HAProxy; `seconds`: of each loop and each stream."""

    model: Path
    folder: Path
    core: int
    seconds: float

    @contextmanager
    def replicas(self, number: int, **settings: str) -> Iterator[tuple[Server, ...]]:
        """So many services on the core."""
        given = {"MODEL_DIR": str(self.model), "REQUEST_LOG_DIR": str(self.folder / "requests"), "PORT": "{port}",
                 "DRAIN_SECONDS": "0", **settings}  # fmt: skip
        kind = Kind("this service", (sys.executable, "-m", "service"), given)
        with ExitStack() as stack:
            logs = (self.folder / f"replica-{number}.log" for number in range(number))
            yield tuple(stack.enter_context(started(kind, self.core, log)) for log in logs)

    @contextmanager
    def edge(self, replicas: Sequence[Server], **settings: str) -> Iterator[Server]:
        """HAProxy on the same core, before these."""
        port, inside = free_port(), free_port()
        given = {"EDGE_BIND": f"127.0.0.1:{port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside}", **settings}
        given |= {f"REPLICA_{number}": "{}:{}".format(*one.address) for number, one in enumerate(replicas, 1)}
        command = ("taskset", "-c", str(self.core), program("haproxy"), "-db", "-f", EDGE_CONFIG)
        with running(command, self.folder / "edge.log", os.environ | given) as process:
            eventually(lambda: answers(f"http://127.0.0.1:{inside}/readyz"), "the edge has a replica")
            yield Server(
                Kind("edge", (), {"inside": f"http://127.0.0.1:{inside}"}), process.pid, ("127.0.0.1", port), 0.0
            )


def measured_of(bench: Bench, load: Load, server: Server) -> Measured:
    """The costs of one replica.

    With n connections nearly all n requests come in one turn, so a request costs `turn / n + request`: a line through
    the closed loops' CPU seconds. A light stream shows the way there and back.
    """
    closed(server.address, load.requests, FULL, bench.seconds)
    used, rates = {}, {}
    for connections in LOOPS:
        loop, (cpu,) = _with_cpu((server,), lambda: closed(server.address, load.requests, connections, bench.seconds))  # noqa: B023 — called at once
        used[connections], rates[connections] = cpu / len(loop.latencies), loop.per_second
    turn, request = np.polyfit([1 / connections for connections in LOOPS], list(used.values()), 1)
    light = stream(server.address, load.requests, LIGHT * rates[FULL], bench.seconds, server.pid)
    way = float(np.median(light.outcome.latencies)) - turn - request
    costs = Costs(float(turn), float(request), _refusal(bench, load), way=max(0.0, float(way)))
    return Measured(_with_crowd(bench, load, server, costs, rates[FULL]), rates[FULL])


def _refusal(bench: Bench, load: Load) -> float:
    """What a service refuses that may have one request in flight: nearly all of many connections' requests."""
    with bench.replicas(1, MAX_IN_FLIGHT="1") as (server,):
        loops = [
            _with_cpu((server,), lambda: closed(server.address, load.requests, connections, bench.seconds))  # noqa: B023
            for connections in (1, FULL)
        ]
    (one, (of_one,)), (full, (of_full,)) = loops
    return (of_full - len(full.latencies) * of_one / len(one.latencies)) / max(1, full.refused)


def _with_crowd(bench: Bench, load: Load, server: Server, costs: Costs, capacity: float) -> Costs:
    seen = stream(server.address, load.requests, load.overload * capacity, bench.seconds, server.pid)
    answered = (seen.cpu_seconds - seen.outcome.refused * costs.refusal) / max(1, len(seen.outcome.latencies))
    return replace(costs, crowded=max(0.0, answered - costs.request))


def edge_costs_of(
    bench: Bench, load: Load, measured: Measured, replicas: Sequence[Server], edge: Server
) -> tuple[Costs, EdgeCosts, float]:
    """A replica's costs behind HAProxy, HAProxy's, and the capacity of all.

    A request costs a replica more there: three processes take turns on the core, and a body comes in pieces. With
    EDGE_QUEUE=0 HAProxy refuses all.
    """
    everyone = (edge, *replicas)

    def loop(connections: int) -> tuple[Loop, Sequence[float]]:
        return _with_cpu(everyone, lambda: closed(edge.address, load.requests, connections, bench.seconds))

    loop(FULL)
    full, (of_edge, *of_replicas) = loop(FULL)
    number = len(full.latencies)
    request = sum(of_replicas) / number - measured.costs.turn / EDGE_IN_FLIGHT
    with bench.edge(replicas, EDGE_QUEUE="0") as closed_edge:
        refused, (to_refuse,) = _with_cpu(
            (closed_edge,), lambda: closed(closed_edge.address, load.requests, FULL, bench.seconds)
        )
    costs = EdgeCosts(of_edge / number, to_refuse / max(1, refused.refused))
    light = stream(edge.address, load.requests, LIGHT * full.per_second, bench.seconds, edge.pid)
    way = float(np.median(light.outcome.latencies)) - measured.costs.turn - request - costs.request
    return replace(measured.costs, request=request, way=max(0.0, way)), costs, full.per_second


def replica_cells(bench: Bench, load: Load, server: Server, measured: Measured) -> Iterator[Cell]:
    """One replica at each multiple of its capacity. The model gets the same arrivals and the same stalls."""
    for times in load.times:
        rate = times * measured.capacity
        seen = _quietest(server, load.requests, rate, bench.seconds)
        yield Cell(times, rate, seen, one_replica(seen.sent, measured.costs, seen.stalls, seen.of_client))


def edge_cells(bench: Bench, load: Load, measured: Measured, stalls: Stalls) -> tuple[EdgeCosts, list[Cell]]:
    """HAProxy's costs, and two replicas behind it. Stalls are drawn: what waits for the other two looks alike."""
    cells = []
    with bench.replicas(REPLICAS) as replicas, bench.edge(replicas) as edge:
        costs, of_edge, capacity = edge_costs_of(bench, load, measured, replicas, edge)
        for times in load.times:
            seen = _quietest(edge, load.requests, times * capacity, bench.seconds)
            drawn = stalls.drawn(float(seen.sent[-1]), np.random.default_rng(0))
            model = behind_the_edge(seen.sent, costs, of_edge, drawn, REPLICAS, seen.of_client)
            cells.append(Cell(times, times * capacity, seen, model))
    return of_edge, cells


def _quietest(server: Server, requests: Sequence[bytes], rate: float, seconds: float) -> Streamed:
    """Of TRIES streams the one during which both cores stalled least."""
    tries = [stream(server.address, requests, rate, seconds, server.pid) for _ in range(TRIES)]
    return min(tries, key=lambda one: one.of_client.share + one.stalls.share)


def _with_cpu(servers: Sequence[Server], work: Callable[[], Result]) -> tuple[Result, Sequence[float]]:
    """The result, and the CPU seconds that each of these used for it."""
    before = [one.cpu_seconds() for one in servers]
    result = work()
    return result, [one.cpu_seconds() - was for one, was in zip(servers, before, strict=True)]
