"""The service as a process of its own, on a core of its own where there are two, and what it says of itself."""

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
# Empty where there is but one core, or nobody asked for one of its own.
_SERVICE_CORES: set[int] = set()


def pin_the_client() -> str:
    """Keep this process off the service's core. Returns a sentence on who runs where."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return "client and service share one core"
    os.sched_setaffinity(0, {cores[1]})
    _SERVICE_CORES.add(cores[0])
    return "service on one core, client on another"


class Subject:
    """A service that runs."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pid = process.child.pid
        self.address = (process.host, process.port)
        self.log = process.log
        self._events: Queue[dict[str, Any]] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # Read on, for ever: a service whose lines nobody takes leaves lines out.
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
        """Only what comes from now on counts."""
        while not self._events.empty():
            self._events.get_nowait()

    def process_seconds(self) -> float:
        """CPU seconds that it used until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str, /, **labels: str) -> float:
        """One series of /metrics, now."""
        return metric_in(httpx.get(f"{self.process.url}/metrics", timeout=20, trust_env=False).text, name, **labels)


@contextmanager
def subject(model: Path, log: Path, **settings: str) -> Iterator[Subject]:
    """A service on a free port, killed at the end if it is still there. Its limits are its own, not those of tests."""
    own_limits = dict.fromkeys(PATIENT, "")
    with ExitStack() as stack:
        with _on_the_services_core():
            process = stack.enter_context(running(model, log, **{**own_limits, **settings}))
        yield Subject(process)


@contextmanager
def _on_the_services_core() -> Iterator[None]:
    """What is started inside runs there."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _SERVICE_CORES or own)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
