"""Overload: 2 and 5 times the service's capacity for 30 s each, sent whatever it answers (an open loop).

A refusal costs, too: to read, parse and answer a single row with 503 takes a third of a prediction's time. So the share
of the capacity that is answered is required only at the edge (edge_overload.py), which is what users run; here it is
a note. Required here: refusals and health checks come in time, and nothing is lost. All settings are defaults: the
service refuses what would wait too long.

The capacity is the mean of a closed loop's rates just before and just after, because a machine's speed varies. Latency
counts from when a request was due. The table includes the client's own lateness.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from benchmarks.faults.figure import Figure, at_most, none_of, note, quantile
from benchmarks.faults.service_under_test import RunningService, running_service
from deploy.load_client import Exchange, LoadClient, request_bytes
from testbed.hostile import GOOD
from testbed.served_folders import write_folder

BATCH_ROWS = 1000
TIMES = (2, 5)
SECONDS = 30.0
SINGLE_ROWS_SECONDS = 10.0
CAPACITY_SECONDS = 5.0
CAPACITY_CONNECTIONS = 8
# MAX_WAIT_SECONDS' default.
LIMIT_SECONDS = 0.5
REFUSAL_P99_MS, HEALTH_MS, NORMAL_AGAIN_SECONDS = 50, 250, 2.0
# If the client is later than this, something else uses the machine, and the client itself is measured.
LATENESS_MS = 20
HEALTH_EVERY_SECONDS = 0.1
LIGHT_LOAD, LIGHT_SECONDS, WINDOW_SECONDS = 0.2, 5.0, 0.25
AT_MOST_CONNECTIONS = 2000
BATCH = request_bytes("/predict/batch", b'{"rows":[' + b",".join([GOOD] * BATCH_ROWS) + b"]}")
ONE = request_bytes("/predict", GOOD)
# On a new connection, as from an orchestrator.
HEALTH = b"GET /readyz HTTP/1.1\r\nhost: service\r\nconnection: close\r\n\r\n"


class Target(Protocol):
    """What is loaded: its address, and the CPU seconds that it has used so far."""

    @property
    def address(self) -> tuple[str, int]: ...
    def process_seconds(self) -> float: ...


@dataclass(frozen=True)
class OpenLoop:
    """The results of an open loop's requests and of the health checks beside it.

    `unsent`: the client had no time to send them; `unanswered`: still waiting seconds after the end; `cpu_seconds`:
    used by the service.
    """

    rate: float
    seconds: float
    end: float
    requests: list[Exchange]
    health: list[Exchange]
    unsent: int
    unanswered: int
    cpu_seconds: float

    @property
    def answered_in_time(self) -> float:
        """Requests per second answered 200 within the limit."""
        return sum(one.status == 200 and one.seconds <= LIMIT_SECONDS for one in self.requests) / self.seconds

    def p99_ms(self, status: int) -> float:
        """Of the answers with this status, from when they were due; 0 where there are none."""
        seconds = [one.seconds for one in self.requests if one.status == status]
        return 1000 * quantile(seconds, 0.99) if seconds else 0.0


def run(folder: Path) -> list[Figure]:
    """Measure the capacity, exceed it, and time the recovery."""
    model = write_folder(folder / "model", max_batch_rows=BATCH_ROWS)
    with without_collections(), running_service(model, folder / "log") as service:
        figures = [note("load", f"batches of {BATCH_ROWS:,} rows, {len(BATCH) / 1000:.0f} kB, default settings")]
        for times in TIMES:
            figures += overload(service, times)
        figures.append(single_rows(service))
    return figures


def overload(service: RunningService, times: int) -> list[Figure]:
    """The figures at this multiple of the capacity."""
    capacity = capacity_of(service, BATCH)
    before = open_loop(service, BATCH, LIGHT_LOAD * capacity, LIGHT_SECONDS)
    offered = open_loop(service, BATCH, times * capacity, SECONDS)
    after = open_loop(service, BATCH, LIGHT_LOAD * capacity, LIGHT_SECONDS)
    capacities = capacity, capacity_of(service, BATCH)
    lost = sum(one.status not in (200, 503) for one in offered.requests) + offered.unanswered
    health = [1000 * one.seconds for one in offered.health]
    bad_health = sum(one.status != 200 for one in offered.health)
    late = quantile([1000 * (one.sent - one.due) for one in offered.requests], 0.99)
    share = 100 * offered.answered_in_time / (sum(capacities) / 2)
    at = f"at {times}×:"
    return [
        note(f"{at} capacity, before and after", "{:,.0f} and {:,.0f} requests/s".format(*capacities)),
        note(f"{at} answered within {LIMIT_SECONDS:g} s, of capacity", f"{share:.4g} %"),
        at_most(f"{at} refusals, p99", offered.p99_ms(503), REFUSAL_P99_MS, " ms"),
        at_most(f"{at} health on new connections, slowest", max(health), HEALTH_MS, " ms"),
        none_of(f"{at} health other than 200", bad_health, len(health), "checks"),
        none_of(f"{at} requests neither answered nor refused", lost, len(offered.requests), "requests"),
        at_most(f"{at} until all is as before", normal_after(before, after), NORMAL_AGAIN_SECONDS, " s"),
        note(f"{at} answers, p99", f"{offered.p99_ms(200):.0f} ms"),
        at_most(f"{at} the client's own lateness, p99", late, LATENESS_MS, " ms"),
        note(f"{at} offered", f"{offered.rate:,.0f} requests/s; {offered.unsent:,} not sent in time"),
        note(f"{at} the service's share of a core meanwhile", f"{100 * offered.cpu_seconds / SECONDS:.0f} %"),
    ]


def single_rows(service: RunningService) -> Figure:
    """The share of the capacity that is answered at 2× in single rows."""
    capacity = capacity_of(service, ONE)
    offered = open_loop(service, ONE, 2 * capacity, SINGLE_ROWS_SECONDS)
    seen = f"{100 * offered.answered_in_time / capacity:.0f} % of {capacity:,.0f} requests/s"
    return note(
        "single rows at 2×: answered in time, of capacity", f"{seen}; refusals p99 {offered.p99_ms(503):.0f} ms"
    )


def capacity_of(
    service: Target, request: bytes, connections: int = CAPACITY_CONNECTIONS, seconds: float = CAPACITY_SECONDS
) -> float:
    """Requests per second in a closed loop: each connection sends again as soon as it is answered."""
    answered = 0
    with LoadClient(service.address, connections) as client:
        started = perf_counter()
        for _ in range(connections):
            client.send(request, started)
        while (now := perf_counter()) < started + seconds:
            for exchange in client.poll(0.1):
                answered += exchange.status == 200
                client.send(request, now)
        return answered / (now - started)


def open_loop(service: Target, request: bytes, rate: float, seconds: float) -> OpenLoop:
    """An open loop: each request is due at its time, whether or not earlier ones were answered."""
    requests: list[Exchange] = []
    checks: list[Exchange] = []
    count, sent, checked = int(rate * seconds), 0, 0
    with LoadClient(service.address, AT_MOST_CONNECTIONS) as client, LoadClient(service.address, 100) as health:
        started, cpu_before = perf_counter(), service.process_seconds()
        while (now := perf_counter()) < started + seconds:
            while sent < count and (due := started + sent / rate) <= now and client.send(request, due):
                sent += 1
            if now >= (due := started + checked * HEALTH_EVERY_SECONDS):
                health.send(HEALTH, due)
                checked += 1
            requests += client.poll(min(0.001, max(0.0, started + sent / rate - perf_counter())))
            checks += health.poll(0)
        while client.waiting + health.waiting and perf_counter() < now + 2 * NORMAL_AGAIN_SECONDS:
            requests += client.poll(0.01)
            checks += health.poll(0)
        cpu_seconds = service.process_seconds() - cpu_before
        return OpenLoop(
            rate,
            seconds,
            started + seconds,
            requests,
            checks,
            count - sent,
            client.waiting + health.waiting,
            cpu_seconds,
        )


def normal_after(before: OpenLoop, after: OpenLoop) -> float:
    """Seconds until a window of a light load is fully answered, and as fast as before the overload."""
    normal = 2 * quantile([one.seconds for one in before.requests], 0.95)
    started = after.end - after.seconds
    for number in range(int(after.seconds / WINDOW_SECONDS)):
        window = [one for one in after.requests if int((one.due - started) / WINDOW_SECONDS) == number]
        is_whole = bool(window) and all(one.status == 200 for one in window)
        if is_whole and quantile([one.seconds for one in window], 0.95) <= normal:
            return number * WINDOW_SECONDS
    return float("inf")


@contextmanager
def without_collections() -> Iterator[None]:
    """Switch garbage collection off: the client keeps every exchange, and a collection would make it late."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
