"""strace on the running service: to see its system calls, or to make one of them fail."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.service_under_test import RunningService
from contracts.exits import UsageError


def require_strace() -> None:
    """Raises UsageError if strace is not installed."""
    if shutil.which("strace") is None:
        raise UsageError("This family needs strace, which is not installed. On Debian and Ubuntu: apt install strace")


@contextmanager
def attached(service: RunningService, options: Sequence[str], trace: Path) -> Iterator[None]:
    """Inside this block strace writes to `trace`. Raises UsageError if it may not attach."""
    command = ["strace", "-f", "-o", str(trace), *options, "-p", str(service.pid)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    try:
        said = child.stderr.readline()
        if "attached" not in said:
            raise UsageError(f"strace cannot attach to the service ({said.strip()}): run as root, or allow ptrace.")
        yield
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)


@contextmanager
def injecting(service: RunningService, call: str, fault: str, file: Path | None = None) -> Iterator[Path]:
    """Inside this block a system call of the service fails, on one file if it is given. Yields strace's output."""
    trace = service.log.parent / f"{service.log.name}-{call}-{fault.replace(':', '-')}.strace"
    path = [] if file is None else ["-P", str(file)]
    with attached(service, [*path, "-e", f"trace={call}", "-e", f"inject={call}:{fault}"], trace):
        yield trace


def injections_in(trace: Path) -> int:
    """The number of system calls that strace made fail."""
    return sum("(INJECTED)" in line for line in trace.read_text().splitlines())
