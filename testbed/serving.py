"""The stack of compose.yaml as processes on loopback: replicas of the service behind the real edge proxy."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path

from testbed.programs import ROOT, answers, eventually, fetch, free_port, program, running, status_of

EDGE_CONFIG = ROOT / "deploy" / "edge" / "haproxy.cfg"
ROW = {"distance": 1.5, "is_weekend": True, "carrier": "AA"}
ODD_ROWS = (
    {"distance": None, "is_weekend": True, "carrier": "ZZ"},
    {"distance": 1e6, "is_weekend": False, "carrier": "UA"},
)


@dataclass
class Serving:
    """The edge and its replicas. `inside`: the edge's own page for Prometheus."""

    url: str
    inside: str
    replicas: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    replica_urls: list[str] = field(default_factory=list)


def replica(
    folder: Path, model: Path, number: int, port: int, **given: str
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """One process of the service, on this port."""
    settings = {"MODEL_DIR": str(model), "SHADOW_MODEL_DIR": str(model), "HOST": "127.0.0.1", "PORT": str(port),
                "REQUEST_LOG_DIR": str(folder / "requests"), "DRAIN_SECONDS": "0", **given}  # fmt: skip
    return running((sys.executable, "-m", "service"), folder / f"replica-{number}.log", settings)


@contextmanager
def serving(folder: Path, model: Path, **given: str) -> Iterator[Serving]:
    """Two ready replicas behind the edge, with one request log as in compose.yaml. `given`: settings of both."""
    haproxy = program("haproxy")
    edge_port, inside_port = free_port(), free_port()
    started = Serving(f"http://127.0.0.1:{edge_port}", f"http://127.0.0.1:{inside_port}")
    environment = {"EDGE_BIND": f"127.0.0.1:{edge_port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside_port}"}
    with ExitStack() as stack:
        for number in (1, 2):
            port = free_port()
            environment[f"REPLICA_{number}"] = f"127.0.0.1:{port}"
            process = replica(folder, model, number, port, **given)
            started.replicas.append(stack.enter_context(process))
            started.replica_urls.append(f"http://127.0.0.1:{port}")
        for url in started.replica_urls:
            eventually(partial(answers, f"{url}/readyz"), f"{url} is ready")
        stack.enter_context(
            running((haproxy, "-W", "-db", "-f", EDGE_CONFIG), folder / "edge.log", environment | given)
        )
        eventually(lambda: answers(f"{started.inside}/readyz"), "the edge has a replica")
        yield started


class Client(threading.Thread):
    """Sends valid and invalid requests until it is stopped, or until a request fails that should not."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.end = threading.Event()
        self.answered = 0
        self.failure: Exception | None = None
        self._url = url
        self._choose = random.Random(7)

    def run(self) -> None:
        while not self.end.wait(0.01) and self.failure is None:
            try:
                self._ask()
            except (OSError, HTTPException, AssertionError) as error:
                self.failure = error

    def _ask(self) -> None:
        row = ROW | {"distance": self._choose.uniform(-4, 4)}
        made = fetch(f"{self._url}/predict", row)
        fetch(f"{self._url}/predict/batch", {"rows": [row, *ODD_ROWS]})
        label = {"id": made["id"], "actual": made["prediction"]}
        labelled = fetch(f"{self._url}/feedback", {"labels": [label]})
        assert labelled["outcomes"] == ["recorded"]
        assert status_of(f"{self._url}/predict", b'{"not": "a row"}') == 422
        self.answered += 4


@contextmanager
def load(url: str) -> Iterator[Client]:
    """A client at work."""
    client = Client(url)
    client.start()
    try:
        yield client
    finally:
        client.end.set()
        client.join()
