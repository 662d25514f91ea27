"""CPU seconds and memory of a process, read from outside it.

A process in a container is visible here if the engine runs on this machine. Otherwise (Docker Desktop has a virtual
machine of its own) the figures are read inside the container.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE_KIB = 1024


@dataclass(frozen=True)
class Watched:
    """A process by its id on this machine or, where `container` is named, the first process of that container."""

    pid: int
    container: str = ""

    @staticmethod
    def parse(text: str) -> "Watched":
        pid, _, container = text.partition(":")
        return Watched(int(pid), container)

    def __str__(self) -> str:
        return f"{self.pid}:{self.container}"

    def cpu_seconds(self) -> float:
        """User and system seconds, all threads."""
        if self.container:
            lines = _inside(self.container, "cat /proc/1/task/*/schedstat").splitlines()
            return sum(int(line.split()[0]) for line in lines) / 1e9
        return cpu_seconds(self.pid)

    def resident_mb(self) -> float:
        """MiB that are resident now."""
        if self.container:
            return _status_mb(_inside(self.container, "cat /proc/1/status"), "VmRSS:")
        if sys.platform == "linux":
            return _status_mb(Path(f"/proc/{self.pid}/status").read_text(), "VmRSS:")
        return int(_ps(self.pid, "rss")) / MEBIBYTE_KIB

    def peak_mb(self) -> float:
        """The most MiB that were resident at once."""
        if self.container:
            return _status_mb(_inside(self.container, "cat /proc/1/status"), "VmHWM:")
        return peak_mb(self.pid)


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a running process, all its threads. Linux: to the nanosecond; elsewhere to 10 ms."""
    if sys.platform == "linux":
        # What clock_getcpuclockid(3) computes, which Python does not offer: ~pid, shifted, and CPUCLOCK_SCHED.
        return time.clock_gettime((~pid << 3) | 2)
    minutes, _, seconds = _ps(pid, "time").rpartition(":")
    return 60 * float(minutes) + float(seconds)


def peak_mb(pid: int) -> float:
    """The most memory that was resident at once, in MiB. Where /proc is absent: what is resident now."""
    if sys.platform == "linux":
        # Not ru_maxrss, which starts at the size of the parent process.
        return _status_mb(Path(f"/proc/{pid}/status").read_text(), "VmHWM:")
    return int(_ps(pid, "rss")) / MEBIBYTE_KIB


def _status_mb(status: str, line: str) -> float:
    return int(status.partition(line)[2].split()[0]) / MEBIBYTE_KIB


def _ps(pid: int, column: str) -> str:
    return _said("ps", "-o", f"{column}=", "-p", str(pid))


def _inside(container: str, command: str) -> str:
    return _said("docker", "exec", container, "sh", "-c", command)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, errors="replace").stdout.strip()
