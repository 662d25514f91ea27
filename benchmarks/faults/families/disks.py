"""A full or failing disk: predictions go on, records lost from the log are counted exactly, and the log resumes.

strace injects errors into the running service: ENOSPC and EIO at the n-th write to the log for n = 1 … 30, when its
file is opened, and at each fsync. Then a disk that is really full, where a write may also end in the middle of a line:
a small tmpfs, which only root may mount.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.faults.figure import Figure, all_of, none_of, note
from benchmarks.faults.log_contents import labels_in, predictions_in
from benchmarks.faults.mixed_load import MixedLoad
from benchmarks.faults.service_under_test import RunningService, running_service
from benchmarks.faults.strace import injecting, injections_in, require_strace
from deploy.load_client import LoadClient
from testbed.served_folders import write_folder

ERRORS = ("ENOSPC", "EIO")
NTH = range(1, 31)
REQUESTS = 40
FAILED_OPENINGS = 5
REQUESTS_WHILE_FSYNC_FAILS = 200
DISK_BYTES = 2 << 20
FULL_SECONDS = 2.0


class Damage(NamedTuple):
    """The effect of one fault. `missing`: acknowledged predictions not in the log; `dropped`: /metrics' count."""

    injected: int
    asked: int
    refused: int
    missing: int
    dropped: int
    resumed: bool
    labels_missing: int = 0


def run(folder: Path) -> list[Figure]:
    """Make writes, opens and fsyncs fail, then fill a disk. Raises UsageError without strace."""
    require_strace()
    model = write_folder(folder / "model")
    figures = []
    for error in ERRORS:
        writes = list(failing_writes(model, folder / f"writes-{error}", error))
        figures += damage_of(f"{error} at the n-th write, n = 1 … {len(NTH)}:", writes, len(NTH))
        openings = failing_openings(model, folder / f"openings-{error}", error)
        figures += damage_of(f"{error} at opening the log, the first times:", [openings], 1)
    figures += failing_fsyncs(model, folder / "fsyncs")
    return figures + full_disk(model, folder / "disk")


def damage_of(at: str, damages: list[Damage], injected: int) -> list[Figure]:
    """The figures of several faults of one kind. `injected`: how many were planned."""
    asked = sum(one.asked for one in damages)
    missing, dropped = sum(one.missing for one in damages), sum(one.dropped for one in damages)
    exact = sum(one.missing == one.dropped for one in damages)
    seen = sum(one.injected for one in damages)
    return [
        none_of(f"{at} predictions not answered 200", sum(one.refused for one in damages), asked, "predictions"),
        Figure(
            f"{at} dropped as counted, missing from the log",
            f"{dropped:,} and {missing:,}, equal in {exact} of {len(damages)}" + f"; {seen} errors" * bool(injected),
            "equal in all" + f"; {injected} or more errors" * bool(injected),
            exact == len(damages) and seen >= injected and missing > 0,
        ),
        all_of(f"{at} the log goes on after it", sum(one.resumed for one in damages), len(damages), "times"),
    ]


def failing_writes(model: Path, log: Path, error: str) -> Iterator[Damage]:
    """One service; the n-th of its writes fails, for each n."""
    with running_service(model, log) as service, LoadClient(service.address, 1) as client:
        load(client, 1)
        (file,) = log.glob("predictions-*.jsonl")
        for nth in NTH:
            fault = f"error={error}:when={nth}"
            with Measured(service, client) as measured, injecting(service, "write", fault, file) as trace:
                measured.load(REQUESTS)
            yield measured.damage(injections_in(trace))


def failing_openings(model: Path, log: Path, error: str) -> Damage:
    """A service without a log file fails several times to open one, and to read one for feedback."""
    with (
        running_service(model, log) as service,
        LoadClient(service.address, 1) as client,
        Measured(service, client) as measured,
        injecting(service, "openat", f"error={error}:when=1..{FAILED_OPENINGS}") as trace,
    ):
        measured.load(REQUESTS)
    return measured.damage(injections_in(trace))


def failing_fsyncs(model: Path, log: Path) -> list[Figure]:
    """Every fsync of the log fails for a while: no record is missing while the machine runs, and /metrics counts it."""
    with running_service(model, log) as service, LoadClient(service.address, 1) as client:
        load(client, 1)
        (file,) = log.glob("predictions-*.jsonl")
        always = "error=EIO:when=1+"
        with Measured(service, client) as measured, injecting(service, "fsync", always, file) as trace:
            while injections_in(trace) < 2:
                measured.load(REQUESTS_WHILE_FSYNC_FAILS)
        counted = int(service.metric("log_sync_failures_total", log="predictions"))
    damage = measured.damage(injections_in(trace))
    return [
        none_of("EIO at every fsync: predictions not answered 200", damage.refused, damage.asked, "predictions"),
        none_of("EIO at every fsync: predictions missing from the log", damage.missing, damage.asked, "predictions"),
        all_of("EIO at every fsync: failures that /metrics counts", counted, damage.injected, "failures"),
    ]


def full_disk(model: Path, disk: Path) -> list[Figure]:
    """A disk that becomes full in the middle of a record, then has room again."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        return [note("a disk that is really full", f"not run: only root may mount one ({mounted.stderr.strip()})")]
    try:
        (disk / "filler").write_bytes(bytes(DISK_BYTES // 2))
        with (
            running_service(model, disk / "log") as service,
            LoadClient(service.address, 8) as client,
            Measured(service, client) as seen,
        ):
            seen.load_for(FULL_SECONDS)
            (disk / "filler").unlink()
        damage = seen.damage(0)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    at = "a disk that is really full:"
    missing = none_of(f"{at} labels said to be recorded that are missing", damage.labels_missing, seen.labels, "labels")
    return [*damage_of(at, [damage], 0), missing]


class Measured:
    """A block whose requests are compared with the log and with /metrics afterwards."""

    def __init__(self, service: RunningService, client: LoadClient) -> None:
        self._service = service
        self._client = client
        self._load = MixedLoad(client)
        self.labels = 0

    def __enter__(self) -> "Measured":
        self._dropped_before = self._dropped()
        return self

    def __exit__(self, *_: object) -> None:
        self._told = set(self._load.predictions)
        after = load(self._client, 5)
        kept = predictions_in(self._service.log).ids
        self._missing = len(self._told - kept)
        self._resumed = after.predictions <= kept
        self._dropped_after = self._dropped()
        self._labels_missing = len(self._load.labels - labels_in(self._service.log).ids)
        self.labels = len(self._load.labels)

    def _dropped(self) -> int:
        return int(self._service.metric("log_records_dropped_total", log="predictions"))

    def load(self, requests: int) -> None:
        """So many requests, one after the other."""
        load(self._client, requests, self._load)

    def load_for(self, seconds: float) -> None:
        """Requests one after the other, for this many seconds."""
        until = perf_counter() + seconds
        self._load.keep_busy(8, until=lambda: perf_counter() > until)
        self._load.drain(5)

    def damage(self, injected: int) -> Damage:
        """All of it."""
        return Damage(
            injected,
            asked=len(self._load.statuses),
            refused=sum(status != 200 for status in self._load.statuses),
            missing=self._missing,
            dropped=self._dropped_after - self._dropped_before,
            resumed=self._resumed,
            labels_missing=self._labels_missing,
        )


def load(client: LoadClient, requests: int, into: MixedLoad | None = None) -> MixedLoad:
    """So many requests, one after the other."""
    made = into or MixedLoad(client)
    for _ in range(requests):
        made.send(perf_counter())
        made.drain(10)
    return made
