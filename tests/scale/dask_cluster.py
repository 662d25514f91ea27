"""A Dask cluster whose workers have a process and a network namespace each, as on machines of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scale.bridge import Bridge

ROOT = Path(__file__).parents[2]
BRIDGE, NETWORK, PORT = "ghdask0", "10.212.0", 8786
UP_SECONDS = 60.0


class Cluster:
    """A scheduler on this machine, and workers of one thread that reach it through a bridge."""

    address = f"tcp://{NETWORK}.1:{PORT}"

    def __init__(self, folder: Path, deaths_allowed: int = 3) -> None:
        self._folder = folder
        self._settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(deaths_allowed), "PYTHONPATH": ""}
        self._workers: list[subprocess.Popen[bytes]] = []
        self._bridge = Bridge(BRIDGE, NETWORK)
        self._scheduler = self._begin("scheduler", [], f"--host {NETWORK}.1 --port {PORT} --no-dashboard", ROOT)
        self._wait_for("scheduler", r"Scheduler at:")

    def add_worker(self, checkout: Path = ROOT) -> None:
        """A worker in a namespace of its own, started in `checkout`."""
        name = f"worker{len(self._workers) + 1}"
        options = f"{self.address} --nthreads 1 --no-nanny --no-dashboard --death-timeout 60"
        self._workers.append(self._begin(name, self._bridge.add(), options, checkout))
        self._wait_for(name, r"Registered to:")

    def join(self, *, together: bool) -> None:
        """Whether workers reach each other."""
        self._bridge.join(together=together)

    def kill_worker(self) -> None:
        """kill -9 of the worker that came last."""
        self._workers[-1].send_signal(signal.SIGKILL)
        self._workers[-1].wait()

    def kill_workers(self) -> None:
        """kill -9 of all."""
        for one in self._workers:
            one.kill()
            one.wait()

    def end(self) -> None:
        for one in (*self._workers, self._scheduler):
            one.kill()
            one.wait()
        self._bridge.end()

    def _begin(self, name: str, before: list[str], options: str, checkout: Path) -> subprocess.Popen[bytes]:
        program = "dask_scheduler" if name == "scheduler" else "dask_worker"
        command = [*before, sys.executable, "-m", f"distributed.cli.{program}", *options.split()]
        with self._log(name).open("wb") as log:
            return subprocess.Popen(command, cwd=checkout, stdout=log, stderr=log, env={**os.environ, **self._settings})

    def _wait_for(self, name: str, pattern: str) -> None:
        until = time.monotonic() + UP_SECONDS
        while not re.search(pattern, self._log(name).read_text()):
            assert time.monotonic() < until, f"{name} did not say {pattern!r}:\n{self._log(name).read_text()}"
            time.sleep(0.2)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def dask_cluster(folder: Path, workers: int, deaths_allowed: int = 3) -> Iterator[Cluster]:
    """`deaths_allowed`: how many workers may die of one call before the scheduler gives it up."""
    one = Cluster(folder, deaths_allowed)
    try:
        for _ in range(workers):
            one.add_worker()
        yield one
    finally:
        one.end()
