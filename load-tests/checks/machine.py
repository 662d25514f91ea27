"""Measures how busy the machine was with other processes during the load, from the kernel and an idle timer.

`others_share`: CPU time of other processes, and `steal_share` of the hypervisor, both as shares of all cores.
`lag_ms`: how late an idle timer wakes up: median, p95, p99 and maximum. `waited_ms`: how long the services' threads
waited in the run queue, per request.

A busy machine explains a broken time limit if other processes took a large share, and the latency without the timer's
lag keeps the limit. Linux only; elsewhere the limits decide alone.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gevent
from latency import percentile
from plan import Machine
from process_figures import Watched

SHARES = (0.50, 0.95, 0.99)
LAG_SECONDS = 0.02


class MachineWatch:
    """Begins to measure when it is created."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._watched = watched
        self._lags: list[float] = []
        self._began = time.perf_counter()
        self._first = self._now()
        self._idle = gevent.spawn(self._wait)

    def seen(self, requests: int) -> Machine | None:
        """The figures since then; None if the kernel does not tell. `requests`: of all services."""
        gevent.kill(self._idle)
        last, wall = self._now(), time.perf_counter() - self._began
        if last is None or self._first is None or not self._lags:
            return None
        busy, steal, ours, waited = (after - before for before, after in zip(self._first, last, strict=True))
        cores = os.cpu_count() or 1
        lags = sorted(self._lags)
        p50, p95, p99 = (round(percentile(lags, share), 3) for share in SHARES)
        return Machine(
            others_share=round(max(0.0, busy - ours) / (wall * cores), 4),
            steal_share=round(steal / (wall * cores), 4),
            lag_ms=(p50, p95, p99, round(lags[-1], 3)),
            waited_ms=round(1000 * waited / max(1, requests), 4),
        )

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


def _run_queue(pid: int) -> Iterator[float]:
    """Seconds in the run queue, of each thread (Documentation/scheduler/sched-stats.rst)."""
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        yield int(path.read_text().split()[1]) / 1e9
