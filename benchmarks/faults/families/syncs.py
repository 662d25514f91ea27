"""What a power cut would lose: how long a record waits until it is on the disk.

A test cannot cut the power, but it can read the system calls: strace lists each write to the log and each fsync with
its time. A record is safe once an fsync that began after its write has ended. A new file survives once its folder was
synchronised.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.figure import Figure, all_of, at_most, note, quantile
from benchmarks.faults.mixed_load import MixedLoad
from benchmarks.faults.service_under_test import RunningService, running_service
from benchmarks.faults.strace import attached, require_strace
from deploy.load_client import LoadClient
from service.settings import Settings
from testbed.served_folders import write_folder

LOAD_SECONDS = 5.0
REQUESTS_A_SECOND = 200
FSYNC_MS: int = Settings.model_fields["log_fsync_ms"].default
# The group's interval, the fsync itself, and slack for a slow disk or a busy machine.
AT_MOST_MS = 5 * FSYNC_MS
_CALL = re.compile(r"(\d+) +([\d.]+) (write|fsync)\(\d+<([^>]*)>")
_RESUMED = re.compile(r"(\d+) +[\d.]+ <\.\.\. (?:write|fsync) resumed>")
_SECONDS = re.compile(r"= (?!-1)\d+ <([\d.]+)>$")


class Call(NamedTuple):
    """A write or an fsync that succeeded. Times in seconds since 1970."""

    name: str
    path: str
    began: float
    ended: float


def run(folder: Path) -> list[Figure]:
    """Load the service and read its system calls. Raises UsageError without strace."""
    require_strace()
    trace = folder / "calls.strace"
    with (
        running_service(write_folder(folder / "model"), folder / "log") as service,
        attached(service, ["-ttt", "-T", "-y", "-s", "0", "-e", "trace=write,fsync"], trace),
    ):
        statuses = load(service)
        time.sleep(1)  # for the last group's fsync
    calls = list(calls_in(trace.read_text()))
    waits = waits_of(calls, f"{folder / 'log'}/predictions-")
    syncs = [one for one in calls if one.name == "fsync" and one.path == str(folder / "log")]
    return [
        all_of("predictions whose write was seen", len(waits), statuses.count(200), "predictions"),
        at_most(f"longest until the disk had one, in groups of {FSYNC_MS} ms", 1000 * max(waits), AT_MOST_MS, " ms"),
        note("median until the disk had one", f"{1000 * quantile(waits, 0.5):.0f} ms"),
        Figure("the new file's folder was synchronised", f"{len(syncs)} times", "at least once", bool(syncs)),
    ]


def load(service: RunningService) -> list[int]:
    """A steady load, one request after the other. Returns the statuses of the predictions."""
    with LoadClient(service.address, 1) as client:
        made = MixedLoad(client)
        until = time.perf_counter() + LOAD_SECONDS
        while time.perf_counter() < until:
            made.send(time.perf_counter())
            made.drain(10)
            time.sleep(1 / REQUESTS_A_SECOND)
    return made.statuses


def calls_in(trace: str) -> Iterator[Call]:
    """The calls in strace's output; a call interrupted by another thread is on two lines."""
    begun: dict[str, tuple[str, str, float]] = {}
    for line in trace.splitlines():
        if call := _CALL.match(line):
            thread, began, name, path = call.groups()
            begun[thread] = name, path, float(began)
        elif resumed := _RESUMED.match(line):
            thread = resumed[1]
        else:
            continue
        if (ended := _SECONDS.search(line)) and thread in begun:
            name, path, start = begun.pop(thread)
            yield Call(name, path, start, start + float(ended[1]))


def waits_of(calls: list[Call], start_of_path: str) -> list[float]:
    """Seconds from each write to these files until the end of the first fsync that began after it."""
    syncs = sorted(one for one in calls if one.name == "fsync")
    return [
        min(
            (sync.ended for sync in syncs if sync.path == write.path and sync.began >= write.ended),
            default=float("inf"),
        )
        - write.began
        for write in calls
        if write.name == "write" and write.path.startswith(start_of_path)
    ]
