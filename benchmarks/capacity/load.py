"""Sends real load: a Poisson stream whose times the model gets, too, and closed loops from which it gets its costs.

A request is sent at its time, whether or not earlier ones were answered. The client never sleeps: a selector's timeout
is rounded up to a millisecond, which is longer than an answer takes. While it waits it reads from the kernel when the
measured process was ready to run and did not.
"""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from time import clock_gettime, perf_counter

import numpy as np

from benchmarks.capacity.event_loop import FloatArray, Outcome, Stalls
from deploy.load_client import Exchange, LoadClient, request_bytes

CONNECTIONS = 1500
LATE_SECONDS = 3.0
LOOK_SECONDS, LEAST_STALL_SECONDS = 0.0005, 0.0002
LIVE = request_bytes("/livez")


class StallRecorder:
    """Stalls of a process's first thread, by the kernel's account of the time that it waited for its core."""

    def __init__(self, pid: int) -> None:
        self._place = Path(f"/proc/{pid}/task/{pid}/schedstat")
        self._next = 0.0
        self._waited = self._read()
        self._ends: list[float] = []
        self._lengths: list[float] = []

    def _read(self) -> float:
        return int(self._place.read_bytes().split()[1]) / 1e9

    def look(self, now: float) -> None:
        """Notice a stall that has ended. Reads once in LOOK_SECONDS at most."""
        if now < self._next:
            return
        self._next, waited = now + LOOK_SECONDS, self._read()
        if waited - self._waited > LEAST_STALL_SECONDS:
            self._ends.append(now)
            self._lengths.append(waited - self._waited)
        self._waited = waited

    def stalls(self, began: float, ended: float) -> Stalls:
        """With times from `began` on."""
        lengths = np.array(self._lengths)
        return Stalls(np.array(self._ends) - began - lengths, lengths, ended - began)


@dataclass(frozen=True)
class Streamed:
    """A stream: when requests were sent, their outcome, and the stalls of the service and of the client meanwhile.

    `late_ms`: how much later than due the client sent, p99. `lost`: requests neither answered 200 nor 503.
    `cpu_seconds`: of the service, for this.
    """

    sent: FloatArray
    outcome: Outcome
    stalls: Stalls
    of_client: Stalls
    late_ms: float
    lost: int
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Loop:
    """A closed loop: how long it ran, and how long each answer took, in seconds."""

    seconds: float
    latencies: FloatArray
    refused: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def stream(address: tuple[str, int], requests: Sequence[bytes], rate: float, seconds: float, pid: int) -> Streamed:
    """A Poisson stream of `rate` requests/s. `pid`: the process whose stalls are recorded."""
    due = np.sort(np.random.default_rng(round(rate)).uniform(0, seconds, round(rate * seconds)))
    ended: list[Exchange] = []
    sent = 0
    with _no_collections(), _opened(address) as client:
        recorder, own = StallRecorder(pid), StallRecorder(os.getpid())
        before, began = cpu_seconds(pid), perf_counter()
        times = (due + began).tolist()
        end = times[-1] + LATE_SECONDS
        while (sent < len(times) or client.waiting) and (now := perf_counter()) < end:
            while sent < len(times) and times[sent] <= now and client.send(requests[sent % len(requests)], times[sent]):
                sent += 1
            ended += client.poll(0)
            recorder.look(now)
            own.look(now)
        stalls, of_client = (one.stalls(began, perf_counter()) for one in (recorder, own))
        used = cpu_seconds(pid) - before
    answered = np.array([one.done - one.sent for one in ended if one.status == 200])
    refused = sum(one.status == 503 for one in ended)
    late = np.array([one.sent - one.due for one in ended])
    return Streamed(
        np.sort([one.sent - began for one in ended]), Outcome(answered, refused), stalls, of_client,
        1000 * float(np.quantile(late, 0.99)), len(times) - len(answered) - refused, used,
    )  # fmt: skip


def closed(address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float) -> Loop:
    """Each connection sends again as soon as it is answered, 200 or 503. Raises SystemExit for another status."""
    latencies: list[float] = []
    refused = 0
    following = cycle(requests)
    with _no_collections(), LoadClient(address, connections) as client:
        began = perf_counter()
        for _ in range(connections):
            client.send(next(following), began)
        while (now := perf_counter()) < began + seconds:
            for one in client.poll(0):
                if one.status == 503:
                    refused += 1
                elif one.status == 200:
                    latencies.append(one.done - one.sent)
                else:
                    raise SystemExit(f"An answer had status {one.status}: {one.body[:300]!r}")
                client.send(next(following), now)
        return Loop(perf_counter() - began, np.array(latencies), refused)


def cpu_seconds(pid: int) -> float:
    """User and system seconds so far of all threads, by clock_getcpuclockid(3)."""
    return clock_gettime((~pid << 3) | 2)


@contextmanager
def _opened(address: tuple[str, int]) -> Iterator[LoadClient]:
    """A client whose connections are open already: a loop that is full accepts few in each turn."""
    with LoadClient(address, CONNECTIONS) as client:
        for _ in range(CONNECTIONS):
            client.send(LIVE, perf_counter())
            client.poll(0)
        deadline = perf_counter() + LATE_SECONDS
        while client.waiting and perf_counter() < deadline:
            client.poll(0.01)
        yield client


@contextmanager
def _no_collections() -> Iterator[None]:
    """A collection would make the client late."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
