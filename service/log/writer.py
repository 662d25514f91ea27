"""Appends records to a log: one write a request, before its answer is sent.

A process that is killed loses nothing that it answered: the kernel has it. A machine that loses power loses at most the
last `fsync_ms`. A disk that is full or failing never fails a prediction: what could not be written is counted, and the
next record tries again.

Each API key has files of its own. Files are closed by size and age; they go when they are old, and where all are too
large, the oldest of the key that has most goes first: a client that floods the log loses its own records. A process
holds a lock on the files that it writes, so that no other process removes them.
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
# The key in a file's name, if any.
_KEY = re.compile(r"-[0-9]+-([A-Za-z0-9._-]+)\.jsonl")


@dataclass(frozen=True)
class Limits:
    """When a file is closed, and when it goes."""

    rotate_bytes: int
    rotate_seconds: float
    keep_bytes: int
    keep_seconds: float


class RecordLog:
    """One log of this process, of what came with one key. Only the event loop's thread may call it."""

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
        """Write whole lines at once; how many reached the file. Never raises: the rest is counted as dropped."""
        # After a write that ended inside a line, the next record starts on a line of its own.
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
        """The disk took `done` bytes: whole lines among them are written, the rest is dropped."""
        self._complain("the disk took only a part")
        whole = 0
        if done:
            # A line that lacks only its end gets it from the next write.
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
        """Whether it has a file."""
        return self._file is not None

    async def sync(self, share: int = 1) -> bool:
        """Bring what was appended to the disk, and close the file where it is due or was deleted. Never raises.

        `share`: so many files divide what one may hold. Returns whether it closed the file.
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
        """Whether the file is large or old enough, or was deleted."""
        age = time.monotonic() - self._opened
        is_due = self._size * share >= self._limits.rotate_bytes or age >= self._limits.rotate_seconds
        return is_due or os.fstat(file).st_nlink == 0

    def _new_folder(self) -> Path | None:
        """The folder, where it got a new file since it was asked for last."""
        is_new, self._is_new = self._is_new, False
        return self._folder if is_new else None

    def _count_failed_sync(self, reason: str) -> None:
        self._complain(reason)
        self._sync_failures.add(self._name)
        # The next tick tries again, though what this one lost the kernel may not have any more.
        self._is_dirty = self._is_new = True

    def close(self) -> None:
        """Bring everything to the disk and close."""
        if self._file is not None:
            if reason := _fsync(self._file, self._new_folder()):
                self._complain(reason)
            _close(self._file)
            self._file = None


def _open_locked(path: Path) -> int:
    """A new file that has its lock before it has its name, so that nobody takes it for one that is closed."""
    unnamed = path.with_name(f".{path.name}")
    file = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: retention then goes by age alone
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
    except OSError:
        os.close(file)
        raise
    return file


def _fsync(file: int, folder: Path | None) -> str:
    """Why the disk did not take it; nothing where it did."""
    try:
        os.fsync(file)
        if folder is not None:
            _fsync_folder(folder)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _close(file: int) -> None:
    """Close a file that is on the disk, and let the kernel have the memory that its pages took.

    It is not read before the next export. Kept, a busy log fills all memory, and each page that it takes for the first
    time costs a virtual machine as much as writing it a dozen times (docs/faults.md).
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a file system that does not know this
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def _fsync_folder(folder: Path) -> None:
    """A file is found again after a loss of power when its folder is on the disk, too."""
    entry = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


class KeyedLog:
    """One log of this process, in a file for each key that writes to it."""

    def __init__(self, make: Callable[[str], RecordLog]) -> None:
        """`make` makes the part of a key; without a key it is called at once, so that metrics exist."""
        self._make = make
        self._parts = {"": make("")}

    def append(self, lines: bytes, records: int = 1, key: str = "") -> int:
        """Write whole lines at once; how many reached the file. Never raises."""
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = self._make(key)
        return part.append(lines, records)

    async def sync(self) -> bool:
        """As RecordLog.sync, for all keys at once; whether it closed any file."""
        files = [part for part in self._parts.values() if part.is_open]
        return any(await asyncio.gather(*(part.sync(len(files)) for part in files)))

    def close(self) -> None:
        """Bring everything to the disk and close."""
        for part in self._parts.values():
            part.close()


class LogKeeper:
    """Opens the logs of one folder and looks after them: to the disk every `every_seconds`, the oldest files away."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        every_seconds: float,
        on_removed: Callable[[list[str]], None] | None = None,
    ) -> None:
        """`on_removed`: called with the names of the files that retention took."""
        self._folder = folder
        self._limits = limits
        self._every_seconds = every_seconds
        self._on_removed = on_removed
        self._logs: list[KeyedLog] = []

    def open(self, name: LogName, metrics: Metrics) -> KeyedLog:
        """A log of this name. A file is made with its first record."""
        log = KeyedLog(functools.partial(RecordLog, self._folder, name, self._limits, metrics))
        self._logs.append(log)
        return log

    async def run(self, on_tick: Callable[[], None]) -> None:
        """Look after the logs for ever; also call `on_tick` each time."""
        next_cleaning = 0.0
        complaints = Throttled()
        while True:
            try:
                on_tick()
                has_closed = any([await log.sync() for log in self._logs])
                # A client may fill a file in a second: what is kept is bounded by its size, not by the next minute.
                if has_closed or time.monotonic() >= next_cleaning:
                    next_cleaning = time.monotonic() + RETENTION_EVERY_SECONDS
                    await asyncio.to_thread(self.clean, time.time())
            except Exception as error:  # the next tick tries again; without ticks the log would never reach the disk
                complaints.say("tick-failed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._every_seconds)

    def clean(self, now: float) -> None:
        """Remove what retention says."""
        removed = remove_old_files(self._folder, self._limits, now)
        if removed:
            if self._on_removed is not None:
                self._on_removed(removed)
            say("log-files-removed", folder=str(self._folder), files=removed)

    def close(self) -> None:
        """Bring everything to the disk."""
        for log in self._logs:
            log.close()


def prepare_folder(folder: Path) -> None:
    """Make the log's folder. Raises UsageError where this process may not write there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"REQUEST_LOG_DIR is {folder}, which cannot be made ({error.strerror}).", code="no-log-folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"REQUEST_LOG_DIR is {folder}, where this user may not write. Name another folder.")


def remove_old_files(folder: Path, limits: Limits, now: float) -> list[str]:
    """Delete closed log files that are too old; then, while all are too large, the oldest of the key that has most.

    Returns their names.
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
    """When each file was last written, and its size."""
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
