"""The service as a process, on a core of its own if there are two; its events and metrics."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import httpx

from testbed.clients import PATIENT, Process, metric_in, running

EVENT_SECONDS = 20.0
# Empty on a single core, or unless `pin_the_client` was called.
_SERVICE_CORES: set[int] = set()


def pin_the_client() -> str:
    """Keep this process off the service's core. Returns a sentence on the cores' use."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return "client and service share one core"
    os.sched_setaffinity(0, {cores[1]})
    _SERVICE_CORES.add(cores[0])
    return "service on one core, client on another"


class RunningService:
    """A running service."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pid = process.child.pid
        self.address = (process.host, process.port)
        self.log = process.log
        self._events: Queue[dict[str, Any]] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # Never stop reading: the service drops lines that are not read.
        assert self.process.child.stdout is not None
        with suppress(ValueError):  # killed within a line, or closed under this reader
            for line in self.process.child.stdout:
                self._events.put(json.loads(line))

    def event(self, *wanted: str) -> dict[str, Any]:
        """The next line of one of these kinds. Raises TimeoutError."""
        while True:
            try:
                event = self._events.get(timeout=EVENT_SECONDS)
            except Empty:
                raise TimeoutError(f"the service did not say {' or '.join(wanted)}") from None
            if event["event"] in wanted:
                return event

    def forget_events(self) -> None:
        """Discard the lines read so far."""
        while not self._events.empty():
            self._events.get_nowait()

    def process_seconds(self) -> float:
        """CPU seconds used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str, /, **labels: str) -> float:
        """One series of /metrics, now."""
        return metric_in(httpx.get(f"{self.process.url}/metrics", timeout=20, trust_env=False).text, name, **labels)


@contextmanager
def running_service(model: Path, log: Path, **settings: str) -> Iterator[RunningService]:
    """A service on a free port with its default limits, not the tests'; killed at the end if it still runs."""
    own_limits = dict.fromkeys(PATIENT, "")
    with ExitStack() as stack:
        with _on_the_services_core():
            process = stack.enter_context(running(model, log, **{**own_limits, **settings}))
        yield RunningService(process)


@contextmanager
def _on_the_services_core() -> Iterator[None]:
    """Processes started inside this block run on the service's core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _SERVICE_CORES or own)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
