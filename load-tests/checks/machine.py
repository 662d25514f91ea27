"""Measures how busy the machine was with other processes during the load, from the kernel and an idle timer.

`others_share`: CPU time of other processes, and `steal_share` of the hypervisor, both as shares of all cores.
`lag_ms`: how late an idle timer wakes up: median, p95, p99 and maximum. `waited_ms`: how long the services' threads
waited in the run queue, per request.

With workers (workers/), each watches its own machine. The shares are those of the busiest one, and processes that share
a machine do not count as others there. A lag is the larger one of the services' machine and of all workers together.

A busy machine explains a broken time limit if other processes took a large share, and the latency without the timer's
lag keeps the limit. Linux only; elsewhere the limits decide alone.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import gevent
from latency import percentile
from plan import Machine
from process_figures import Watched

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SHARES = (0.50, 0.95, 0.99)
LAG_SECONDS = 0.02


class Observed(NamedTuple):
    """What one process saw of its machine, in seconds of CPU time, `of_all` cores.

    `machine`: an id that processes on one machine share. `ours`: of this process and those that it watches. `waited`:
    of the watched ones, in the run queue. `lags_ms`: of an idle timer.
    """

    machine: str
    of_all: float
    busy: float
    stolen: float
    ours: float
    waited: float
    lags_ms: Sequence[float]


class MachineWatch:
    """Begins to measure when it is created."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._watched = watched
        self._lags: list[float] = []
        self._began = time.perf_counter()
        self._first = self._now()
        self._idle = gevent.spawn(self._wait)

    def seen(self) -> Observed | None:
        """What was observed since then; None if the kernel does not tell."""
        gevent.kill(self._idle)
        last, wall = self._now(), time.perf_counter() - self._began
        if last is None or self._first is None or not self._lags:
            return None
        busy, stolen, ours, waited = (after - before for before, after in zip(self._first, last, strict=True))
        of_all = wall * (os.cpu_count() or 1)
        return Observed(BOOT_ID.read_text().strip(), of_all, busy, stolen, ours, waited, self._lags)

    def _wait(self) -> None:
        while True:
            began = time.perf_counter()
            gevent.sleep(LAG_SECONDS)
            self._lags.append(1000 * (time.perf_counter() - began - LAG_SECONDS))

    def _now(self) -> tuple[float, float, float, float] | None:
        """Seconds so far: all cores' work, stolen time, our processes' work, and the services' waits."""
        if sys.platform != "linux" or any(one.container for one in self._watched):
            return None
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, _, _, interrupts, soft, steal = (
            int(one) / ticks for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        )
        ours = time.process_time() + sum(one.cpu_seconds() for one in self._watched)
        waited = sum(seconds for one in self._watched for seconds in _run_queue(one.pid))
        return user + nice + system + interrupts + soft, steal, ours, waited


def machine_of(here: Observed | None, workers: Sequence[Observed | None], requests: int) -> Machine | None:
    """The figures of a run; None where a kernel does not tell. `requests`: of all services."""
    seen = [one for one in (here, *workers) if one is not None]
    if here is None or len(seen) <= len(workers):
        return None
    together: dict[str, list[Observed]] = defaultdict(list)
    for one in seen:
        together[one.machine].append(one)
    others, stolen = max((_shares(on_it) for on_it in together.values()), key=sum)
    lags = _quantiles(here.lags_ms)
    if workers:
        lags = [*map(max, lags, _quantiles([lag for one in seen[1:] for lag in one.lags_ms]))]
    p50, p95, p99, longest = lags
    return Machine(
        others_share=others,
        steal_share=stolen,
        lag_ms=(p50, p95, p99, longest),
        waited_ms=round(1000 * here.waited / max(1, requests), 4),
    )


def _shares(on_it: Sequence[Observed]) -> tuple[float, float]:
    """Of other processes, and stolen, on a machine with these processes of ours; the first one measured longest."""
    others = on_it[0].busy - sum(one.ours for one in on_it)
    return round(max(0.0, others) / on_it[0].of_all, 4), round(on_it[0].stolen / on_it[0].of_all, 4)


def _quantiles(lags_ms: Sequence[float]) -> list[float]:
    ascending = sorted(lags_ms)
    return [*(round(percentile(ascending, share), 3) for share in SHARES), round(ascending[-1], 3)]


def _run_queue(pid: int) -> Iterator[float]:
    """Seconds in the run queue, of each thread (Documentation/scheduler/sched-stats.rst)."""
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        yield int(path.read_text().split()[1]) / 1e9
