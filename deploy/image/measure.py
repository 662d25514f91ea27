"""How fast a container of an image comes up, and what it holds when idle."""

import http.client
import re
import time
from dataclasses import dataclass

from contracts.exits import FindingError
from deploy.engine import HARDENED, container, docker

PORT = "8000/tcp"
READY_SECONDS = 60.0
POLL_SECONDS = 0.01


class NotReadyError(FindingError):
    """The container did not become ready: the text has what it said."""


@dataclass(frozen=True)
class ContainerCost:
    """`cold_start_seconds`: from `docker run` to the first 200 of /readyz. `idle_mb`: resident memory then."""

    cold_start_seconds: float
    idle_mb: float


def measure(image: str) -> ContainerCost:
    """Start one hardened container, wait until it is ready, look, stop it. Raises NotReadyError."""
    started = time.perf_counter()
    with container(image, *HARDENED, "--publish=127.0.0.1::8000") as name:
        host, _, port = docker("port", name, PORT).splitlines()[0].rpartition(":")
        wait_until_ready(name, host, int(port))
        seconds = time.perf_counter() - started
        return ContainerCost(seconds, resident_mb(docker("exec", name, "cat", "/proc/1/status")))


def wait_until_ready(name: str, host: str, port: int, seconds: float = READY_SECONDS) -> None:
    """Ask /readyz until it says 200. Raises NotReadyError as soon as the container has ended, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while not _is_ready(host, port):
        running = docker("inspect", "--format", "{{.State.Running}}", name) == "true"
        if not running or time.monotonic() > deadline:
            state = "did not become ready in time" if running else "ended by itself"
            raise NotReadyError(f"The container {state}. It said: {docker('logs', name) or 'nothing on stdout'}")
        time.sleep(POLL_SECONDS)


def resident_mb(proc_status: str) -> float:
    """VmRSS of /proc/<pid>/status, in millions of bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", proc_status, re.M)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
