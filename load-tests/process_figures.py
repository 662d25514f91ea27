"""What a process has used so far, read from outside it: CPU seconds and memory."""

import subprocess
import sys
import time
from pathlib import Path


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
        # Not ru_maxrss: that begins with the size of the process which started this one.
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return int(_ps(pid, "rss")) / 1024


def _ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], check=True, capture_output=True, text=True
    ).stdout.strip()
