"""Appends records to a log: one write for each request, before its answer is sent.

If the process is killed, no record of an answered request is lost, because the kernel has it. If the machine loses
power, at most the last `fsync_ms` are lost. A full or failing disk never fails a prediction: records that could not be
written are counted as dropped, and the next record tries again.

Each API key has its own files. Files are closed by size and age, and deleted by age. If all files together are too
large, the oldest file of the key with most bytes is deleted first, so that a client that floods the log loses its own
records. A process locks the files that it writes, so that no other process deletes them.
"""

import asyncio
import contextlib
import fcntl
import functools
import os
import re
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.exits import UsageError
from contracts.request_log import LogName
from service.logs import Throttled, say
from service.metrics import Metrics

RETENTION_EVERY_SECONDS = 60.0
# The API key in a file's name, if any.
_KEY = re.compile(r"-[0-9]+-([A-Za-z0-9._-]+)\.jsonl")


@dataclass(frozen=True)
class Limits:
    """When a file is closed, and when it is deleted."""

    rotate_bytes: int
    rotate_seconds: float
    keep_bytes: int
    keep_seconds: float


class RecordLog:
    """This process's log of one API key. Only the event loop's thread may call it."""

    def __init__(self, folder: Path, name: LogName, limits: Limits, metrics: Metrics, key: str = "") -> None:
        self._folder = folder
        self._ending = f"{os.getpid()}-{key}.jsonl" if key else f"{os.getpid()}.jsonl"
        self._name = name
        self._limits = limits
        self._written, self._dropped = metrics.log_written, metrics.log_dropped
        self._sync_failures = metrics.log_sync_failures
        self._complaints = Throttled()
        self._file: int | None = None
        self._size = 0
        self._opened = 0.0
        self._is_dirty = False
        self._is_new = False
        self._is_torn = False
        metrics.log_written.make([(name,)])
        metrics.log_dropped.make([(name,)])
        metrics.log_sync_failures.make([(name,)])

    def append(self, lines: bytes, records: int = 1) -> int:
        """Write whole lines at once; return how many records were written. Never raises; the rest counts as dropped."""
        # If the last write ended inside a line, start a new one.
        text = b"\n" + lines if self._is_torn else lines
        try:
            done = os.write(self._file if self._file is not None else self._open(), text)
        except OSError as error:
            self._complain(error.strerror or str(error))
            self._dropped.add(self._name, count=records)
            return 0
        self._size += done
        self._is_dirty = True
        if done == len(text):
            self._is_torn = False
            self._written.values[(self._name,)] += records
            return records
        return self._count_part(text, done, records)

    def _count_part(self, text: bytes, done: int, records: int) -> int:
        """Only `done` bytes were written: count the whole lines as written, and the rest as dropped."""
        self._complain("only a part was written")
        whole = 0
        if done:
            # A line that lacks only its newline gets it from the next write.
            whole = text.count(b"\n", 0, done) - self._is_torn + (text[done : done + 1] == b"\n")
            self._is_torn = text[done - 1 : done] != b"\n"
        self._written.add(self._name, count=whole)
        self._dropped.add(self._name, count=records - whole)
        return whole

    def _open(self) -> int:
        start = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(start)) + f".{int(start % 1 * 1e6):06d}Z"
        path = self._folder / f"{self._name}-{stamp}-{self._ending}"
        self._file = _open_locked(path)
        self._size, self._opened, self._is_torn, self._is_new = 0, time.monotonic(), False, True
        return self._file

    def _complain(self, reason: str) -> None:
        self._complaints.say("log-write-failed", log=self._name, folder=str(self._folder), reason=reason)

    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._file is not None

    async def sync(self, share: int = 1) -> bool:
        """Write to the disk what was appended, and close the file if it is due or was deleted. Never raises.

        share: the number of files that share one file's size limit. Returns whether it closed the file.
        """
        file = self._file
        if file is None:
            return False
        is_over = self._is_over(file, share)
        if is_over:
            self._file = None
        if self._is_dirty:
            self._is_dirty = False
            reason = await asyncio.to_thread(_fsync, file, self._new_folder())
            if reason:
                self._count_failed_sync(reason)
        if is_over:
            await asyncio.to_thread(_close, file)
        return is_over

    def _is_over(self, file: int, share: int) -> bool:
        """Whether the file must be closed: it is large or old enough, or was deleted."""
        age = time.monotonic() - self._opened
        is_due = self._size * share >= self._limits.rotate_bytes or age >= self._limits.rotate_seconds
        return is_due or os.fstat(file).st_nlink == 0

    def _new_folder(self) -> Path | None:
        """The folder, if it got a new file since the last call."""
        is_new, self._is_new = self._is_new, False
        return self._folder if is_new else None

    def _count_failed_sync(self, reason: str) -> None:
        self._complain(reason)
        self._sync_failures.add(self._name)
        # The next tick tries again; but after a failed fsync the kernel may have dropped the data.
        self._is_dirty = self._is_new = True

    def close(self) -> None:
        """Write everything to the disk, and close."""
        if self._file is not None:
            if reason := _fsync(self._file, self._new_folder()):
                self._complain(reason)
            _close(self._file)
            self._file = None


def _open_locked(path: Path) -> int:
    """Create a file, locked before it gets its name, so that no other process takes it for a closed one."""
    unnamed = path.with_name(f".{path.name}")
    file = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then retention deletes nothing
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
    except OSError:
        os.close(file)
        raise
    return file


def _fsync(file: int, folder: Path | None) -> str:
    """Sync a file and its folder; return the error's text, or an empty one."""
    try:
        os.fsync(file)
        if folder is not None:
            _fsync_folder(folder)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _close(file: int) -> None:
    """Close a file, and drop its pages from the page cache.

    It is not read before the next export. Otherwise a busy log fills all memory, and on a virtual machine the first use
    of a page costs as much as a dozen writes to it (docs/faults.md).
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a file system without fadvise
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def _fsync_folder(folder: Path) -> None:
    """Sync a folder, so that its new files are found after a loss of power."""
    entry = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


class KeyedLog:
    """One log of this process, with a RecordLog for each API key."""

    def __init__(self, make: Callable[[str], RecordLog]) -> None:
        """make: makes the RecordLog of a key; that of no key is made at once, so that metrics exist."""
        self._make = make
        self._parts = {"": make("")}

    def append(self, lines: bytes, records: int = 1, key: str = "") -> int:
        """Write whole lines at once; return how many records were written. Never raises."""
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = self._make(key)
        return part.append(lines, records)

    async def sync(self) -> bool:
        """Call RecordLog.sync for all keys at once; return whether it closed a file."""
        files = [part for part in self._parts.values() if part.is_open]
        return any(await asyncio.gather(*(part.sync(len(files)) for part in files)))

    def close(self) -> None:
        """Write everything to the disk, and close."""
        for part in self._parts.values():
            part.close()


class LogKeeper:
    """Opens the logs of one folder, syncs them every `every_seconds`, and deletes old files."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        every_seconds: float,
        on_removed: Callable[[list[str]], None] | None = None,
    ) -> None:
        """on_removed: called with the names of the deleted files."""
        self._folder = folder
        self._limits = limits
        self._every_seconds = every_seconds
        self._on_removed = on_removed
        self._logs: list[KeyedLog] = []

    def open(self, name: LogName, metrics: Metrics) -> KeyedLog:
        """Open the log of this name. Its first record creates a file."""
        log = KeyedLog(functools.partial(RecordLog, self._folder, name, self._limits, metrics))
        self._logs.append(log)
        return log

    async def run(self, on_tick: Callable[[], None]) -> None:
        """Sync and clean for ever; call `on_tick` before each round."""
        next_cleaning = 0.0
        complaints = Throttled()
        while True:
            try:
                on_tick()
                has_closed = any([await log.sync() for log in self._logs])
                # Also after a file was closed: a client may fill one in a second, and the size limit must hold.
                if has_closed or time.monotonic() >= next_cleaning:
                    next_cleaning = time.monotonic() + RETENTION_EVERY_SECONDS
                    await asyncio.to_thread(self.clean, time.time())
            except Exception as error:  # the next tick tries again; if ticks ended, nothing would be synced any more
                complaints.say("tick-failed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._every_seconds)

    def clean(self, now: float) -> None:
        """Delete the files that are too old or too many."""
        removed = remove_old_files(self._folder, self._limits, now)
        if removed:
            if self._on_removed is not None:
                self._on_removed(removed)
            say("log-files-removed", folder=str(self._folder), files=removed)

    def close(self) -> None:
        """Write everything to the disk, and close."""
        for log in self._logs:
            log.close()


def prepare_folder(folder: Path) -> None:
    """Make the log's folder. Raises UsageError if this process cannot write there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"REQUEST_LOG_DIR is {folder}, which cannot be made ({error.strerror}).", code="no-log-folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"REQUEST_LOG_DIR is {folder}, where this user may not write. Name another folder.")


def remove_old_files(folder: Path, limits: Limits, now: float) -> list[str]:
    """Delete closed log files that are too old and, while all are too large, the oldest of the key with most bytes.

    Returns the names of the deleted files.
    """
    files: dict[str, deque[tuple[float, Path, int]]] = defaultdict(deque)
    sizes: Counter[str] = Counter()
    for changed, path, size in sorted(_files_in(folder)):
        key = _key_of(path)
        files[key].append((changed, path, size))
        sizes[key] += size
    removed = []
    while files:
        is_too_large = sizes.total() > limits.keep_bytes
        key = max(files, key=sizes.__getitem__) if is_too_large else next(iter(files))
        changed, path, size = files[key].popleft()
        if not files[key]:
            del files[key]
        if (is_too_large or now - changed > limits.keep_seconds) and _remove_if_closed(path):
            removed.append(path.name)
            sizes[key] -= size
    return removed


def _files_in(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """Each file with its modification time and its size."""
    for path in folder.glob("*-*.jsonl"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            yield stat.st_mtime, path, stat.st_size


def _key_of(path: Path) -> str:
    found = _KEY.search(path.name)
    return found[1] if found else ""


def _remove_if_closed(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(file)
    return True
