"""Clients that do not read: they are cut off, their places go to others, and memory stays bounded."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.http.unread_answers import MAX_UNREAD_BYTES, UnreadAnswers
from service.http.write_coalescing import GatheredTransport, Outbox
from service.metrics import Metrics
from testbed.clients import Process, metric_in, read_until_closed, running
from testbed.programs import eventually

EXPORT = b"GET /requests HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
RECORDS = 40_000
# Four of them fit.
SHARE = MAX_UNREAD_BYTES // 4 - 65_536


@contextmanager
def serving(folder: Path, log: Path, **settings: str) -> Iterator[Process]:
    """A service with a log of 8 MB: more than the kernel takes for a client that does not read."""
    log.mkdir()
    record = {
        "v": 1,
        "id": "01a20810-28ff-7abe-9eb0-0fe602519762",
        "at_us": 1,
        "model": "m",
        "features": {"a": "b" * 100},
    }
    (log / "predictions-0-0.jsonl").write_text((json.dumps(record, separators=(",", ":")) + "\n") * RECORDS)
    with running(folder, log, **settings) as process:
        yield process


def unread(stack: ExitStack, process: Process, request: bytes = EXPORT) -> socket.socket:
    """A connection that has asked and does not read."""
    opened = stack.enter_context(socket.socket())
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.connect((process.host, process.port))
    opened.sendall(request)
    return opened


def counted(process: Process, name: str, reason: str) -> float:
    with process.client() as client:
        return metric_in(client.get("/metrics").text, f"{name}_total", reason=reason)


def test_a_client_that_reads_nothing_is_cut_off_and_its_place_is_free(folder: Path, tmp_path: Path) -> None:
    with serving(folder, tmp_path / "log", WRITE_SECONDS="0.5") as process, ExitStack() as stack:
        opened = [unread(stack, process) for _ in range(2)]
        eventually(lambda: counted(process, "unread_answers", "slow") == 2, "both are cut off")
        assert process.exchange(EXPORT).count(b'"id"') == RECORDS
        for one in opened:
            assert read_until_closed(one).count(b'"id"') < RECORDS
            # No end of chunks: what is cut off must not look whole.
            assert not read_until_closed(one).endswith(b"0\r\n\r\n")


def test_more_than_two_exports_at_once_are_told_to_come_back(folder: Path, tmp_path: Path) -> None:
    with serving(folder, tmp_path / "log") as process, ExitStack() as stack:
        opened = [unread(stack, process) for _ in range(2)]
        for one in opened:
            assert one.recv(15) == b"HTTP/1.1 200 OK"
        refused = process.exchange(EXPORT)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: " in refused
        assert counted(process, "shed", "exports") == 1
        for one in opened:
            one.close()
        eventually(lambda: process.exchange(EXPORT).count(b'"id"') == RECORDS, "a place is free")


def test_a_client_that_reads_slowly_gets_all(folder: Path, tmp_path: Path) -> None:
    limit = 1.5
    with serving(folder, tmp_path / "log", WRITE_SECONDS=str(limit)) as process, ExitStack() as stack:
        opened, got, began = unread(stack, process), bytearray(), time.monotonic()
        pause_at = 0
        while piece := opened.recv(65_536):
            got += piece
            if len(got) > pause_at:
                pause_at += 250_000
                time.sleep(limit / 10)
        assert got.count(b'"id"') == RECORDS
        # In all it took longer than a client may read nothing.
        assert time.monotonic() - began > 2 * limit
        assert counted(process, "unread_answers", "slow") == 0


def test_a_page_that_is_not_read_is_cut_off_too(folder: Path, tmp_path: Path) -> None:
    script = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n"
    with running(folder, tmp_path / "log", WRITE_SECONDS="0.5") as process, ExitStack() as stack:
        opened = unread(stack, process, script)
        eventually(lambda: counted(process, "unread_answers", "slow") == 1, "it is cut off")
        assert read_until_closed(opened).startswith(b"HTTP/1.1 200 OK")


class _Behind(asyncio.Protocol):
    """Writes more than is read."""

    def __init__(self, unread: UnreadAnswers, size: int) -> None:
        self._unread, self._size = unread, size

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.gathered = GatheredTransport(transport, Outbox())
        transport.write(b"x" * self._size)

    def pause_writing(self) -> None:
        self._unread.add(self.gathered)

    def connection_lost(self, _: Exception | None) -> None:
        self._unread.discard(self.gathered)


@pytest.mark.parametrize(("count", "size", "left"), [
    (5, SHARE, [1, 2, 3, 4]), (3, SHARE, [0, 1, 2]), (1, 6 * SHARE, [0]), (2, 6 * SHARE, [1]), (9, SHARE, [5, 6, 7, 8]),
])  # fmt: skip
def test_who_waited_longest_is_cut_off_where_all_hold_too_much(count: int, size: int, left: list[int]) -> None:
    metrics = Metrics()

    async def run() -> list[int]:
        unread = UnreadAnswers(60, metrics)
        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            made = []
            for _ in range(count):
                ours, theirs = map(stack.enter_context, socket.socketpair())
                # The kernel's part, so that what is left is known.
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                assert theirs
                _, protocol = await loop.create_connection(lambda: _Behind(unread, size + 8192), sock=ours)
                made.append(protocol)
                await asyncio.sleep(0)
            kept = [number for number, one in enumerate(made) if not one.gathered.is_closing()]
            for one in made:
                one.gathered.abort()
            return kept

    assert asyncio.run(run()) == left
    assert metrics.unread.values[("full",)] == count - len(left)
