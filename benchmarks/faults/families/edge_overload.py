"""Overload at the edge: two replicas behind HAProxy with the compose stack's own configuration, at 2× and 5×.

To refuse a single row costs a replica a third of an answer. So the edge refuses, and sends each replica only enough to
keep it busy. Two cores are too few for the edge, the client and two whole replicas, so each replica gets a share of a
core, as with `REPLICA_CPUS`: a small one for single rows, so that five times their capacity can be offered.

Capacity is measured by a closed loop just before and just after, because a machine's speed varies.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.cgroups import NoShareError, share_of_a_core
from benchmarks.faults.families.framing import require
from benchmarks.faults.families.overload import (
    BATCH,
    BATCH_ROWS,
    LIMIT_SECONDS,
    ONE,
    capacity_of,
    open_loop,
    without_collections,
)
from benchmarks.faults.figure import Figure, at_least, none_of, note, quantile
from benchmarks.faults.service_under_test import RunningService, running_service
from testbed.programs import answers, eventually, free_port, program, running
from testbed.served_folders import write_folder
from testbed.serving import EDGE_CONFIG

TIMES = (2, 5)
SECONDS, CAPACITY_SECONDS = 10.0, 3.0
# As many as the two replicas take at once, so that no request is refused.
CONNECTIONS = 64
LEAST_OF_CAPACITY = 90
# The kind of load, its requests, and each replica's share of a core.
LOADS = (("single rows", ONE, 0.05), (f"batches of {BATCH_ROWS:,} rows", BATCH, 0.5))


@dataclass(frozen=True)
class Edge:
    """HAProxy, and the replicas behind it."""

    address: tuple[str, int]
    replicas: tuple[RunningService, ...]

    def process_seconds(self) -> float:
        """The replicas' CPU seconds."""
        return sum(one.process_seconds() for one in self.replicas)


def run(folder: Path) -> list[Figure]:
    """Exceed two replicas' capacity with single rows and with batches. Raises UsageError without HAProxy."""
    require("haproxy")
    model = write_folder(folder / "model", max_batch_rows=BATCH_ROWS)
    figures: list[Figure] = []
    try:
        with without_collections(), two_replicas(folder, model) as edge:
            for name, request, cpus in LOADS:
                with share_of_a_core([one.pid for one in edge.replicas], cpus):
                    for times in TIMES:
                        figures += overload(edge, f"behind the edge, {name} at {times}×:", request, cpus, times)
    except NoShareError as error:
        return [note("behind the edge", f"not measured: shares of a core need root and cgroups ({error})")]
    return figures


@contextmanager
def two_replicas(folder: Path, model: Path) -> Iterator[Edge]:
    """Two replicas on the service's core, the edge on the client's."""
    port, inside = free_port(), free_port()
    settings = {"EDGE_BIND": f"127.0.0.1:{port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside}"}
    with ExitStack() as stack:
        replicas = tuple(stack.enter_context(running_service(model, folder / "log")) for _ in range(2))
        settings |= {f"REPLICA_{number}": "{}:{}".format(*one.address) for number, one in enumerate(replicas, 1)}
        command = (program("haproxy"), "-W", "-db", "-f", EDGE_CONFIG)
        stack.enter_context(running(command, folder / "edge.log", os.environ | settings))
        eventually(lambda: answers(f"http://127.0.0.1:{inside}/readyz"), "the edge has a replica")
        yield Edge(("127.0.0.1", port), replicas)


def overload(edge: Edge, at: str, request: bytes, cpus: float, times: int) -> list[Figure]:
    """The figures at this multiple of the capacity."""
    before = capacity_of(edge, request, CONNECTIONS, CAPACITY_SECONDS)
    offered = open_loop(edge, request, times * before, SECONDS)
    after = capacity_of(edge, request, CONNECTIONS, CAPACITY_SECONDS)
    share = 100 * offered.answered_in_time / ((before + after) / 2)
    lost = sum(one.status not in (200, 503) for one in offered.requests) + offered.unanswered
    late = quantile([1000 * (one.sent - one.due) for one in offered.requests], 0.99)
    sent = f"{offered.rate:,.0f} requests/s; {offered.unsent:,} not sent in time; p99 of its lateness {late:.0f} ms"
    return [
        note(f"{at} capacity, before and after", f"{before:,.0f} and {after:,.0f} requests/s of 2 × {cpus:g} cores"),
        at_least(f"{at} answered within {LIMIT_SECONDS:g} s, of capacity", share, LEAST_OF_CAPACITY, " %"),
        none_of(f"{at} requests neither answered nor refused", lost, len(offered.requests), "requests"),
        note(f"{at} p99 of answers, of refusals", f"{offered.p99_ms(200):.0f} and {offered.p99_ms(503):.0f} ms"),
        note(f"{at} offered", sent),
    ]
