"""The log: what was appended is there, a full disk costs records and nothing else, and old files go."""

import asyncio
import ctypes
import json
import mmap
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from contracts.exits import UsageError
from service.log.writer import KeyedLog, Limits, LogKeeper, RecordLog, prepare_folder, remove_old_files
from service.metrics import Metrics
from tests.refusals import refuses

NEVER = Limits(rotate_bytes=2**60, rotate_seconds=1e9, keep_bytes=2**60, keep_seconds=1e9)
LINE = b'{"v":1,"id":"%d"}\n'
PAGE = os.sysconf("SC_PAGE_SIZE")


def opened(folder: Path, limits: Limits = NEVER) -> tuple[RecordLog, Metrics]:
    metrics = Metrics()
    return RecordLog(folder, "predictions", limits, metrics), metrics


def lines_in(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("predictions-*.jsonl")) for line in path.read_bytes().splitlines()]


def counted(metrics: Metrics) -> tuple[int, int]:
    return metrics.log_written.values[("predictions",)], metrics.log_dropped.values[("predictions",)]


@contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size`: the kernel writes a part, then fails, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_record_is_in_the_file_before_append_returns(tmp_path: Path) -> None:
    log, metrics = opened(tmp_path)
    for number in range(3):
        log.append(LINE % number)
        assert lines_in(tmp_path)[-1] + b"\n" == LINE % number
    assert counted(metrics) == (3, 0)


def test_the_file_is_named_by_its_start_and_process(tmp_path: Path) -> None:
    log, _ = opened(tmp_path)
    assert list(tmp_path.iterdir()) == []
    log.append(LINE % 1)
    (path,) = tmp_path.iterdir()
    name, start, process = path.stem.split("-")
    assert (name, process) == ("predictions", str(os.getpid()))
    assert time.strptime(start.split(".")[0], "%Y%m%dT%H%M%S")


@pytest.mark.parametrize("room", range(100))
def test_a_full_disk_drops_exactly_what_is_missing_and_the_log_goes_on(tmp_path: Path, room: int) -> None:
    log, metrics = opened(tmp_path)
    with disk_full_after(room):
        for number in range(10):
            log.append(LINE % number)
    log.append(LINE % 10)
    whole = [line for line in lines_in(tmp_path) if is_record(line)]
    assert counted(metrics) == (len(whole), 11 - len(whole))
    assert whole[-1] + b"\n" == LINE % 10
    assert len(lines_in(tmp_path)) - len(whole) <= 1


@pytest.mark.parametrize("room", range(0, 180, 3))
def test_a_batch_on_a_full_disk_is_counted_line_by_line(tmp_path: Path, room: int) -> None:
    log, metrics = opened(tmp_path)
    with disk_full_after(room):
        log.append(b"".join(LINE % number for number in range(10)), 10)
    log.append(LINE % 10)
    whole = [line for line in lines_in(tmp_path) if is_record(line)]
    assert counted(metrics) == (len(whole), 11 - len(whole))


def is_record(line: bytes) -> bool:
    try:
        return set(json.loads(line)) == {"v", "id"}
    except ValueError:
        return False


def test_a_sync_that_the_disk_refuses_is_counted_and_tried_again(tmp_path: Path) -> None:
    log, metrics = opened(tmp_path)
    log.append(LINE % 1)
    (path,) = tmp_path.iterdir()
    (number,) = [int(one.name) for one in Path("/proc/self/fd").iterdir() if one.is_symlink() and one.resolve() == path]
    # A device that cannot be synchronised, under the same number.
    device = os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, number)
    os.close(device)
    asyncio.run(log.sync())
    asyncio.run(log.sync())
    assert metrics.log_sync_failures.values[("predictions",)] == 2
    assert counted(metrics) == (1, 0)


def test_append_says_how_many_records_reached_the_file(tmp_path: Path) -> None:
    log, _ = opened(tmp_path)
    assert log.append((LINE % 1) * 3, 3) == 3
    with disk_full_after(5 * len(LINE % 1)):
        assert log.append((LINE % 1) * 3, 3) == 2
        assert log.append(LINE % 1) == 0
    log.close()


def test_a_folder_that_vanished_drops_records_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log, metrics = opened(folder)
    log.append(LINE % 1)
    folder.mkdir()
    log.append(LINE % 2)
    assert counted(metrics) == (1, 1)


def test_after_a_file_was_deleted_a_new_one_is_opened(tmp_path: Path) -> None:
    log, _ = opened(tmp_path)
    log.append(LINE % 1)
    next(tmp_path.iterdir()).unlink()
    asyncio.run(log.sync())
    log.append(LINE % 2)
    assert lines_in(tmp_path) == [(LINE % 2).strip()]


def test_a_file_is_closed_at_its_size_and_none_is_lost(tmp_path: Path) -> None:
    log, _ = opened(tmp_path, Limits(rotate_bytes=100, rotate_seconds=1e9, keep_bytes=2**60, keep_seconds=1e9))
    for number in range(30):
        log.append(LINE % number)
        asyncio.run(log.sync())
    assert len(list(tmp_path.iterdir())) == 5
    assert sorted(lines_in(tmp_path)) == sorted((LINE % number).strip() for number in range(30))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it keeps in memory")
def test_a_closed_file_leaves_the_page_cache(tmp_path: Path) -> None:
    needs_a_disk_that_lets_go(tmp_path)
    folder = tmp_path / "log"
    folder.mkdir()
    log, _ = opened(folder, Limits(rotate_bytes=2**20, rotate_seconds=1e9, keep_bytes=2**60, keep_seconds=1e9))
    log.append(b"x" * 2**19)
    asyncio.run(log.sync())
    (file,) = folder.iterdir()
    assert pages_in_memory(file) > 0
    log.append(b"x" * 2**19)
    asyncio.run(log.sync())
    assert file.stat().st_size == 2**20
    assert [pages_in_memory(file) for _ in range(3)] == [0, 0, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it keeps in memory")
def test_the_look_at_the_page_cache_tells_what_was_read_and_reads_nothing(tmp_path: Path) -> None:
    file = needs_a_disk_that_lets_go(tmp_path)
    assert [pages_in_memory(file) for _ in range(3)] == [0, 0, 0]
    file.read_bytes()
    assert pages_in_memory(file) > 0


def needs_a_disk_that_lets_go(folder: Path) -> Path:
    """A file there that is on the disk and not in memory. Skips where the file system only lives in memory."""
    file = folder / "dropped"
    with file.open("wb") as opened_file:
        opened_file.write(b"x" * 2**19)
        os.fsync(opened_file.fileno())
        os.posix_fadvise(opened_file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if pages_in_memory(file) == 2**19 // PAGE:
        pytest.skip(f"{folder} is on a file system that keeps every page in memory")
    return file


def pages_in_memory(file: Path) -> int:
    """How many pages of a file the kernel keeps, by mincore(2): it looks and does not read.

    Any read, also one that shall not wait (RWF_NOWAIT), starts the readahead, which brings back what is counted.
    cachestat(2) needs Linux 6.5 and sees nothing through an overlay.
    """
    with file.open("rb") as opened_file, mmap.mmap(opened_file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        bytes_of_it = np.frombuffer(mapped, np.uint8)
        told = np.zeros(-(-len(mapped) // PAGE), np.uint8)
        address, length = ctypes.c_void_p(bytes_of_it.ctypes.data), ctypes.c_size_t(len(mapped))
        failed = ctypes.CDLL(None, use_errno=True).mincore(address, length, ctypes.c_void_p(told.ctypes.data))
        del bytes_of_it  # the map is closed once nothing refers to it
    assert not failed, os.strerror(ctypes.get_errno())
    return int((told & 1).sum())


def test_a_file_is_closed_at_its_age(tmp_path: Path) -> None:
    log, _ = opened(tmp_path, Limits(rotate_bytes=2**60, rotate_seconds=0, keep_bytes=2**60, keep_seconds=1e9))
    for number in range(2):
        log.append(LINE % number)
        asyncio.run(log.sync())
    assert len(list(tmp_path.iterdir())) == 2


def make_files(folder: Path, *ages: float) -> None:
    for number, age in enumerate(ages):
        path = folder / f"predictions-{number}-1.jsonl"
        path.write_bytes(b"x" * 100)
        os.utime(path, (time.time() - age, time.time() - age))


def test_files_that_are_too_old_are_deleted(tmp_path: Path) -> None:
    make_files(tmp_path, 300, 200, 100)
    limits = Limits(rotate_bytes=1, rotate_seconds=1, keep_bytes=2**60, keep_seconds=150)
    assert remove_old_files(tmp_path, limits, time.time()) == ["predictions-0-1.jsonl", "predictions-1-1.jsonl"]


def test_the_oldest_files_are_deleted_while_all_are_too_large(tmp_path: Path) -> None:
    make_files(tmp_path, 300, 200, 100)
    limits = Limits(rotate_bytes=1, rotate_seconds=1, keep_bytes=250, keep_seconds=1e9)
    assert remove_old_files(tmp_path, limits, time.time()) == ["predictions-0-1.jsonl"]


def test_files_are_deleted_when_the_next_one_is_closed(tmp_path: Path) -> None:
    limits = Limits(rotate_bytes=10 * len(LINE), rotate_seconds=1e9, keep_bytes=50 * len(LINE), keep_seconds=1e9)
    keeper = LogKeeper(tmp_path, limits, every_seconds=0)
    log = keeper.open("predictions", Metrics())
    sizes: list[int] = []
    is_done = asyncio.Event()

    def write_a_file() -> None:
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
        log.append(LINE * 10, 10)
        if len(sizes) == 30:
            is_done.set()

    async def write() -> None:
        task = asyncio.create_task(keeper.run(write_a_file))
        await is_done.wait()
        task.cancel()

    asyncio.run(write())
    assert max(sizes) == limits.keep_bytes


def make_keyed_files(folder: Path, **sizes: int) -> None:
    """For each key, files of a hundred bytes, made in turns with the others', oldest first."""
    for number in range(max(sizes.values())):
        for key, count in sizes.items():
            if number < count:
                path = folder / f"predictions-{number:03d}-1{'' if key == 'none' else f'-{key}'}.jsonl"
                path.write_bytes(b"x" * 100)
                os.utime(path, (1e9 + number, 1e9 + number))


@pytest.mark.parametrize(("sizes", "keep_bytes", "left"), [
    ({"flood": 90, "web": 5, "mobile": 5}, 3000, {"flood": 20, "web": 5, "mobile": 5}),
    ({"flood": 90, "flood-2": 80, "web": 5}, 3000, {"flood": 13, "flood-2": 12, "web": 5}),
    ({"flood": 90, "none": 5}, 3000, {"flood": 25, "none": 5}),
    ({"web": 9}, 300, {"web": 3}),
    ({"none": 9}, 300, {"none": 3}),
    ({"web": 10, "mobile": 5}, 3000, {"web": 10, "mobile": 5}),
])  # fmt: skip
def test_a_key_that_floods_the_log_loses_its_own_files(
    tmp_path: Path, sizes: dict[str, int], keep_bytes: int, left: dict[str, int]
) -> None:
    make_keyed_files(tmp_path, **sizes)
    limits = Limits(rotate_bytes=1, rotate_seconds=1, keep_bytes=keep_bytes, keep_seconds=1e18)
    removed = remove_old_files(tmp_path, limits, time.time())
    kept = [path.stem.partition("-1")[2].removeprefix("-") or "none" for path in tmp_path.iterdir()]
    assert {key: kept.count(key) for key in sizes} == left
    assert len(removed) + len(kept) == sum(sizes.values())
    assert "predictions-000-1-flood.jsonl" in removed or "flood" not in sizes


def test_each_key_writes_its_own_files(tmp_path: Path) -> None:
    metrics = Metrics()
    log = KeyedLog(partial(RecordLog, tmp_path, "predictions", NEVER, metrics))
    for number, key in enumerate(("", "web", "mobile.2", "web")):
        assert log.append(LINE % number, 1, key) == 1
    asyncio.run(log.sync())
    log.close()
    found = {path.name.partition(f"-{os.getpid()}")[2]: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {".jsonl": LINE % 0, "-web.jsonl": LINE % 1 + LINE % 3, "-mobile.2.jsonl": LINE % 2}
    assert counted(metrics) == (4, 0)


def test_the_files_of_all_keys_together_are_closed_at_the_size_of_one(tmp_path: Path) -> None:
    limits = Limits(rotate_bytes=8 * len(LINE), rotate_seconds=1e9, keep_bytes=2**60, keep_seconds=1e9)
    log = KeyedLog(partial(RecordLog, tmp_path, "predictions", limits, Metrics()))
    for _ in range(12):
        for key in ("web", "mobile"):
            log.append(LINE, 1, key)
        asyncio.run(log.sync())
    log.close()
    assert [len(list(tmp_path.glob(f"*-{key}.jsonl"))) for key in ("web", "mobile")] == [3, 3]


def test_a_file_that_is_being_written_is_never_deleted(tmp_path: Path) -> None:
    log, _ = opened(tmp_path)
    log.append(LINE % 1)
    limits = Limits(rotate_bytes=1, rotate_seconds=1, keep_bytes=0, keep_seconds=0)
    assert remove_old_files(tmp_path, limits, time.time() + 1e6) == []
    log.close()
    assert len(remove_old_files(tmp_path, limits, time.time() + 1e6)) == 1


def test_retention_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "my-table.csv").write_text("mine")
    make_files(tmp_path, 300)
    remove_old_files(tmp_path, Limits(1, 1, 0, 0), time.time())
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "my-table.csv"}


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with refuses(UsageError, "no-log-folder", "REQUEST_LOG_DIR"):
        prepare_folder(tmp_path / "file" / "log")
