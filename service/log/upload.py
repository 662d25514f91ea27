"""Uploads closed files of the log to object storage, in its own thread.

A file whose lock is free is closed: by size or age, at shutdown, or because its process was killed. It is compressed
and uploaded if the bucket has no object of that name (If-None-Match: *). The name contains the digest of the contents,
so after a lost answer, a kill, or an upload by another process, the object is found and counted as uploaded. The file
gets a marker, `….jsonl.sent`, and stays for feedback and export until retention deletes it.

The backlog is on disk and not in memory, and LOG_KEEP_MB limits it. A bucket that is down, slow, full or refuses does
not affect predictions: failed uploads are retried after at most a minute. Files that retention deletes before they are
uploaded are counted as lost.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import random
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, get_args

from contracts.outside.buckets import Bucket, log_of, segment_key
from contracts.request_log import LogName
from service.logs import Throttled, say
from service.metrics import Metrics, UploadMetrics

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SENT = ".sent"
LOOK_EVERY_SECONDS = 5.0
MOST_PAUSE_SECONDS = 60.0
CHUNK_BYTES = 256 * 1024
# Compresses to a fifth, at 130 MB/s; level 6 takes 2.6 times as long for files that are a fifth smaller.
PACKING_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
NICENESS = 10


class Uploads:
    """Uploads the closed files of `folder` between `start` and `finish`. `counts`: the metrics."""

    def __init__(
        self,
        folder: Path,
        store: "ObjectStore",
        metrics: Metrics,
        look_every: float = LOOK_EVERY_SECONDS,
        most_pause: float = MOST_PAUSE_SECONDS,
    ) -> None:
        self._folder = folder
        self._store = store
        self._look_every, self._most_pause = look_every, most_pause
        self._failures: Counter[str] = Counter()
        self._seen: dict[str, float] = {}
        self._complaints = Throttled()
        self._thread = threading.Thread(target=self._run, name="log-uploads")
        self._ready = threading.Event()
        self.counts = UploadMetrics(metrics, get_args(LogName), self._waited)

    def start(self) -> None:
        """Start uploading, earlier processes' files included."""
        self._thread.start()
        self._ready.wait()

    def finish(self, seconds: float) -> None:
        """Try once more to upload all closed files, and stop; after `seconds` at the latest."""
        deadline = time.monotonic() + seconds
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._work.cancel)
            self._thread.join()
        if self._seen:
            say("log-uploads-left", files=len(self._seen), seconds=round(time.monotonic() - deadline + seconds, 1))

    def count_lost(self, removed: list[str]) -> None:
        """Count the deleted files that were not uploaded."""
        for name in removed:
            if log_of(name) and not self._mark(name).exists():
                self.counts.lost.add(log_of(name))

    def _run(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._send_for_ever())

    async def _send_for_ever(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self._work = self._loop.create_task(self._rounds())
        self._ready.set()
        await self._work

    async def _rounds(self) -> None:
        failed = 0
        while True:
            is_last = (
                self._ending.is_set()
            )  # read before the round, so that the last round finds all files closed until then
            failed = 0 if await self._send_closed() else failed + 1
            if is_last:
                return
            most = min(self._most_pause, self._look_every * 2**failed)
            pause = random.uniform(most / 2, most) if failed else self._look_every
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _send_closed(self) -> bool:
        """Upload all closed files; return whether all succeeded. After a failure the rest waits for the next round."""
        waiting = self._look()
        # Files that failed before go last, so that one that cannot be uploaded does not stop the others.
        for name in sorted(waiting, key=lambda name: (self._failures[name], name)):
            try:
                await self._send(name)
            except Exception as error:  # any failure of bucket, network or disk
                self._failures[name] += 1
                self.counts.failures.add(log_of(name))
                self._complaints.say("log-upload-failed", file=name, error=f"{type(error).__name__}: {error}"[:500])
                return False
            self._failures.pop(name, None)
            self._forget(name)
        return True

    def _look(self) -> list[str]:
        """The names of the closed files that are not uploaded; sets the gauges of the backlog."""
        sizes = {}
        for path in self._folder.glob("*-*.jsonl"):
            if log_of(path.name) and not self._mark(path.name).exists():
                with _closed(path) as file:
                    if file and (size := os.fstat(file.fileno()).st_size):
                        sizes[path.name] = size
        for mark in self._folder.glob(f"*.jsonl{SENT}"):
            if not mark.with_suffix("").exists():
                mark.unlink(missing_ok=True)
        now = time.monotonic()
        self._seen = {name: self._seen.get(name, now) for name in sizes}
        self._failures = Counter({name: self._failures[name] for name in sizes if self._failures[name]})
        self.counts.backlog.set(len(sizes))
        self.counts.backlog_bytes.set(sum(sizes.values()))
        return list(sizes)

    async def _send(self, name: str) -> None:
        import obstore

        # Locked until it is uploaded, so that neither retention nor another process takes it.
        with _closed(self._folder / name) as file:
            if file is None:
                return
            packed, digest = _packed(file)
            with contextlib.suppress(obstore.exceptions.AlreadyExistsError):
                await obstore.put_async(self._store, segment_key(name, digest), packed, mode="create")
            self._mark(name).touch()
        self.counts.uploaded.add(log_of(name))

    def _forget(self, name: str) -> None:
        self._seen.pop(name, None)
        self.counts.backlog.dec()

    def _mark(self, name: str) -> Path:
        return self._folder / f"{name}{SENT}"

    def _waited(self) -> float:
        """Seconds since the oldest waiting file was found closed; 0 if none waits."""
        since = list(self._seen.values())
        return time.monotonic() - min(since) if since else 0.0


@contextmanager
def _closed(path: Path) -> Iterator[IO[bytes] | None]:
    """The file, locked; None if a process still writes it or it is gone."""
    try:
        file = path.open("rb")
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        yield file


def _packed(file: IO[bytes]) -> tuple[bytes, str]:
    """The contents as gzip, and the SHA-256 of the uncompressed contents."""
    digest, packer, packed = hashlib.sha256(), zlib.compressobj(PACKING_LEVEL, wbits=_GZIP), bytearray()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        packed += packer.compress(chunk)
    packed += packer.flush()
    return bytes(packed), digest.hexdigest()


def uploads_to(address: str, endpoint: str | None, folder: Path, metrics: Metrics) -> Uploads:
    """Uploads to the bucket of REQUEST_LOG_BUCKET. Raises UsageError if the address is wrong."""
    return Uploads(folder, Bucket(address, endpoint).store(), metrics)
