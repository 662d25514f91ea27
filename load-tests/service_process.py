"""Runs the service as a process: starts it from a model folder, waits until it is ready, and always stops it."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from child_process import last_lines, running
from process_figures import Watched
from workers.crew import LOOPBACK

from contracts.exits import FindingError

SERVICE = (sys.executable, "-m", "service")
READY_SECONDS = 30.0
POLL_SECONDS = 0.05


class ServiceError(FindingError):
    """The service did not become ready, or ended by itself: the text has the last lines it wrote."""


@dataclass(frozen=True)
class Service:
    """A service's process, and the file with what it says. `url` is empty until it listens."""

    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def watched(self) -> Watched:
        return Watched(self.pid)

    @property
    def was_killed(self) -> bool:
        """Whether SIGTERM was not enough to end it."""
        return self.process.returncode == -signal.SIGKILL

    def check_alive(self, when: str) -> None:
        """Raises ServiceError if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ServiceError(
                f"The service ended by itself {when}, with exit code {code}. {last_lines(self.log)}",
                code="service-ended",
            )


@contextmanager
def served(
    model: Path,
    request_log: Path,
    log: Path,
    command: Sequence[str] = SERVICE,
    ready_seconds: float = READY_SECONDS,
    host: str = LOOPBACK,
) -> Iterator[Service]:
    """A ready service that answers from `model` at `host`, always stopped at the end. Raises ServiceError."""
    settings = {
        "MODEL_DIR": str(model.resolve()),
        "REQUEST_LOG_DIR": str(request_log.resolve()),
        "HOST": host,
        "PORT": "0",  # a free one: the service says which
        "DRAIN_SECONDS": "0",  # there is no load balancer to wait for
    }
    with running(command, log, settings) as process:
        service = _wait_until_ready(Service(process, log), ready_seconds)
        yield service
        service.check_alive("before it was told to")


def _wait_until_ready(service: Service, seconds: float) -> Service:
    deadline = time.monotonic() + seconds
    seen = "nothing, because it does not listen"
    while time.monotonic() < deadline:
        service.check_alive("before it was ready")
        service = replace(service, url=listening_address(service.log))
        if service.url:
            seen = readiness(service.url)
        if seen == "200":
            return service
        time.sleep(POLL_SECONDS)
    raise ServiceError(
        f"The service was not ready within {seconds:g} s: GET /readyz gave {seen}. {last_lines(service.log)}",
        code="service-not-ready",
    )


def listening_address(log: Path) -> str:
    """The `url` in the log line of `listening`; empty until that line is whole."""
    for line in log.read_text(errors="replace").splitlines():
        if '"listening"' in line:
            try:
                return str(json.loads(line)["url"])
            except (ValueError, KeyError, TypeError):
                continue
    return ""


def readiness(url: str) -> str:
    """The status of /readyz, or why there is none."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
