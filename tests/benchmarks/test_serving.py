"""The client counts what it is answered, and refuses to count anything else; ratios are of one round."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.serving.closed_loop import AnswerError, closed_loop
from benchmarks.serving.results import (
    ARROW_BATCH,
    BARE,
    JSON_BATCH,
    OURS,
    SINGLE,
    USUAL,
    Cells,
    Measurement,
    Process,
    ratios,
    tables,
)
from benchmarks.serving.servers import kinds, started

REQUEST = b"POST /predict HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n{}"


def test_the_client_counts_every_answer_of_a_real_server(tmp_path: Path) -> None:
    _, bare, _ = kinds(tmp_path, tmp_path, tmp_path)
    with started(bare, min(os.sched_getaffinity(0)), tmp_path / "log") as server:
        before = server.cpu_seconds()
        seen = closed_loop(server.address, [REQUEST], 3, 0.2)
        assert len(seen.latencies) >= 3
        assert seen.seconds >= 0.2
        assert (seen.latencies > 0).all()
        assert server.cpu_seconds() > before
        assert server.resident_mb() > 1
        assert server.cold_start_seconds > 0


@contextmanager
def answering(*pieces: bytes) -> Iterator[tuple[str, int]]:
    """A server that sends these pieces to each request, and closes after them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[:2]
        thread.join()


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",), "503"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly a part",), "closed"),
    ],
)
def test_the_client_refuses_to_count_what_is_no_whole_200(pieces: tuple[bytes, ...], said: str) -> None:
    with answering(*pieces) as address, pytest.raises(AnswerError, match=said):
        closed_loop(address, [REQUEST], 1, 0.1)


def measured(speed: float) -> list[Measurement]:
    """Two rounds, the second on a machine that is half as fast."""
    return [Measurement(speed, 0.1, 0.2, 50.0), Measurement(speed / 2, 0.2, 0.4, 100.0)]


def test_a_ratio_is_of_one_round_so_a_machine_that_slows_down_does_not_change_it() -> None:
    cells: Cells = {(name, one): measured(speed) for one in SINGLE for name, speed in SPEEDS.items()}
    cells |= {(OURS, JSON_BATCH): measured(300), (OURS, ARROW_BATCH): measured(500), (USUAL, JSON_BATCH): measured(100)}
    process = Process(0.5, 100.0, 105.0)
    found = {one.meaning: one.value for one in ratios(cells, process)}
    assert found["requests/s at 16 connections, of hand-written"] == 50
    assert found["requests/s at 16 connections, of bare uvicorn"] == 0.5
    assert found["rows/s in JSON batches, of hand-written"] == 3
    assert found["rows/s in Arrow batches, of hand-written"] == 5
    text = tables(cells, dict.fromkeys(SPEEDS, process), None)
    assert "| rows/s in Arrow batches, of hand-written | 5 | ≥ 5 |" in text
    assert "not built here" in text


SPEEDS = {OURS: 100.0, BARE: 200.0, USUAL: 2.0}
