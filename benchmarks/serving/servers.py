"""The measured processes: each on the server's core, ready before it is loaded, always stopped."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
POLL_SECONDS = 0.002
UVICORN = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning")


@dataclass(frozen=True)
class Kind:
    """How a server is started. `{port}` in its settings and its command is replaced by the port."""

    name: str
    command: tuple[str, ...]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """A running server. `cold_start_seconds`: from its start to its first answer of 200."""

    kind: Kind
    pid: int
    address: tuple[str, int]
    cold_start_seconds: float

    def cpu_seconds(self) -> float:
        """User and system seconds so far of all threads, by clock_getcpuclockid(3)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_mb(self) -> float:
        """VmRSS, in millions of bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def kinds(model: Path, usual: Path, requests: Path) -> tuple[Kind, ...]:
    """Ours with everything on, bare uvicorn, and the usual endpoint."""
    ours = {"MODEL_DIR": str(model), "REQUEST_LOG_DIR": str(requests), "PORT": "{port}", "DRAIN_SECONDS": "0"}
    at = ("--port", "{port}")
    return (
        Kind("this service", (sys.executable, "-m", "service"), ours),
        Kind("bare uvicorn", (*UVICORN, *at, "benchmarks.serving.bare:app"), {}),
        Kind("hand-written", (*UVICORN, *at, "benchmarks.serving.handwritten:app"), {"HANDWRITTEN_MODEL": str(usual)}),
    )


@contextmanager
def started(kind: Kind, core: int, log: Path) -> Iterator[Server]:
    """A ready server, stopped by SIGTERM at the end of the block. Raises SystemExit if it does not become ready."""
    port = _free_port()
    settings = {name: value.format(port=port) for name, value in kind.settings.items()}
    command = [one.format(port=port) for one in kind.command]
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, ("127.0.0.1", port), log)
            yield Server(kind, process.pid, ("127.0.0.1", port), time.perf_counter() - began)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: tuple[str, int], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(
                f"{process.args!r} did not become ready. It said: {log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(POLL_SECONDS)


def _answers(address: tuple[str, int]) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def cores() -> Sequence[int]:
    """The server's core and the client's; the same one if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
