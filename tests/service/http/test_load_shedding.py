"""Overload: what has no room is told when to come back; health and metrics always answer; slow clients take no room."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import perf_counter

import pytest

from service.http.body import MAX_PENDING_BYTES, BodyReader, Disconnected
from service.http.load_shedding import EXEMPT, STANDING_QUEUE_SECONDS, Admission, refused_for_now
from service.http.problems import OVERLOADED, TOO_LARGE, Problem
from service.http.time_slices import TimeSlices
from service.metrics import Metrics
from testbed.clients import JSON, Process, metric_in, read_until_closed, running
from testbed.hostile import GOOD

Message = dict[str, object]


def crowded(tasks: int) -> Admission:
    admission = Admission(10, 1.0, Metrics())
    admission.tasks = range(tasks)
    return admission


def test_a_request_is_shed_only_beyond_the_cap() -> None:
    assert not crowded(9).sheds("/predict")
    assert crowded(10).sheds("/predict")


class Backlog(TimeSlices):
    """So many seconds of work wait, and others have been refused for long, or not."""

    def __init__(self, seconds: float, overflows: bool = False) -> None:
        super().__init__()
        self._backlog, self._overflows = seconds, overflows

    def backlog_seconds(self) -> float:
        return self._backlog

    def overflow_for(self, seconds: float) -> bool:
        return self._overflows and seconds == 1.0  # the longest wait of `crowded`


def test_a_request_is_shed_where_the_work_before_it_takes_too_long() -> None:
    admission = crowded(1)
    admission.slices = Backlog(0.49)
    assert not admission.sheds("/predict")
    admission.slices = Backlog(0.51)
    assert admission.sheds("/predict")
    assert not admission.sheds("/readyz")


def test_the_queue_is_short_where_others_are_refused_all_the_time() -> None:
    admission = crowded(1)
    for seconds in (0.9 * STANDING_QUEUE_SECONDS, 0.49):
        admission.slices = Backlog(seconds)
        assert not admission.sheds("/predict")
    admission.slices = Backlog(0.9 * STANDING_QUEUE_SECONDS, overflows=True)
    assert not admission.sheds("/predict")
    admission.slices = Backlog(1.1 * STANDING_QUEUE_SECONDS, overflows=True)
    assert admission.sheds("/predict")


def test_a_request_that_waited_too_long_for_its_turn_is_refused() -> None:
    metrics = Metrics()
    admission = Admission(10, 0.01, metrics)

    async def works() -> None:
        admission.slices.have_room()
        time.sleep(0.05)

    async def comes_between_two_others() -> None:
        await asyncio.gather(works(), BodyReader(admission, MAX_PENDING_BYTES, 5.0).read(Pieces(b"ab"), {}, 4), works())

    with pytest.raises(Problem) as refusal:
        asyncio.run(comes_between_two_others())
    assert refusal.value.kind is OVERLOADED
    assert metrics.shed.values[("waited",)] == 1


def test_a_body_in_pieces_whose_place_was_taken_meanwhile_is_refused() -> None:
    metrics = Metrics()
    admission = Admission(10, 1.0, metrics)
    admission.tasks = range(11)  # itself, still reading, and ten at work
    with pytest.raises(Problem) as refusal:
        asyncio.run(BodyReader(admission, MAX_PENDING_BYTES, 5.0).read(Pieces(b"ab", b"cd"), {}, 4))
    assert refusal.value.kind is OVERLOADED
    assert metrics.shed.values[("full",)] == 1
    admission.tasks = range(10)
    assert asyncio.run(BodyReader(admission, MAX_PENDING_BYTES, 5.0).read(Pieces(b"ab", b"cd"), {}, 4)) == b"abcd"


@pytest.mark.parametrize("path", sorted(EXEMPT))
def test_health_and_metrics_are_never_shed(path: str) -> None:
    admission = crowded(1000)
    assert not admission.sheds(path)
    admission.refuse_late(path, perf_counter() - 100)


@pytest.mark.parametrize(
    "path", ["/predict", "/predict/batch", "/feedback", "/requests", "/v2/models/a/infer", "/livez/"]
)
def test_everything_else_is_shed(path: str) -> None:
    assert crowded(1000).sheds(path)


def test_requests_whose_body_is_on_its_way_take_no_room() -> None:
    admission = crowded(1000)
    admission.reading = 991
    assert admission.in_flight() == 9
    assert not admission.sheds("/predict")


def test_a_request_that_waited_too_long_is_refused() -> None:
    metrics = Metrics()
    admission = Admission(10, 100.0, metrics)
    admission.refuse_late("/predict", perf_counter() - 50)
    with pytest.raises(Problem) as refusal:
        admission.refuse_late("/predict", perf_counter() - 101)
    assert refusal.value.kind is OVERLOADED
    assert metrics.shed.values == {("waited",): 1, ("full",): 0}


def test_the_moment_to_come_back_differs_from_one_refusal_to_the_next() -> None:
    assert {refused_for_now().headers[0] for _ in range(200)} == {(b"retry-after", b"%d" % one) for one in (1, 2, 3)}


@contextmanager
def occupied(folder: Path, tmp_path: Path, **settings: str) -> Iterator[tuple[Process, socket.socket]]:
    """A service with room for one request, which one client takes by not reading its large answer."""
    log = tmp_path / "log"
    log.mkdir()
    line = b'{"v":1,"id":"01a20810-28ff-7abe-9eb0-0fe602519762","at_us":1,"x":"' + b"a" * 1_000_000 + b'"}\n'
    (log / "predictions-a-1.jsonl").write_bytes(line * 30)
    with running(folder, log, MAX_IN_FLIGHT="1", **settings) as process, process.connect() as holder:
        holder.sendall(b"GET /requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with process.client() as client:
            while metric_in(client.get("/metrics").text, "in_flight") < 2:
                pass
        yield process, holder


@pytest.fixture
def full(folder: Path, tmp_path: Path) -> Iterator[tuple[Process, socket.socket]]:
    with occupied(folder, tmp_path) as both:
        yield both


@pytest.fixture
def full_and_hurried(folder: Path, tmp_path: Path) -> Iterator[tuple[Process, socket.socket]]:
    """As `full`, where a body that stops is soon given up."""
    with occupied(folder, tmp_path, BODY_SECONDS="0.5") as both:
        yield both


def test_a_full_service_refuses_with_a_moment_to_come_back_and_keeps_the_connection(
    full: tuple[Process, socket.socket],
) -> None:
    process, holder = full
    with process.client() as client:
        for _ in range(20):
            answer = client.post("/predict?x=1", content=GOOD, headers=JSON)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] in ("1", "2", "3")
            assert "connection" not in answer.headers
            assert answer.json()["type"] == OVERLOADED.uri
        assert client.get("/livez").status_code == 200
        text = client.get("/metrics").text
        assert metric_in(text, "shed_total", reason="full") == 20
        assert metric_in(text, "refusals_total", problem="overloaded") == 20
        assert metric_in(text, "requests_total", route="/predict", status="5xx") == 20
        read_until_closed(holder)
        # An answer may be here before the task that sent it has ended, which takes the one place.
        while (status := client.post("/predict", content=GOOD, headers=JSON).status_code) == 503:
            pass
        assert status == 200


def test_a_full_service_closes_where_the_client_asked_for_it(full: tuple[Process, socket.socket]) -> None:
    process, _ = full
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    answer = process.exchange(head + b"\r\nabc" + head + b"Connection: close\r\n\r\nabc")
    assert answer.count(b"HTTP/1.1 503 ") == 2


def test_the_body_of_a_refused_request_is_skipped(full: tuple[Process, socket.socket]) -> None:
    process, _ = full
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n{"
    with process.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connection.sendall(b"a" * 299 + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_until_closed(connection).startswith(b"HTTP/1.1 200 ")


def test_a_refused_client_whose_body_was_whole_keeps_its_connection(
    full_and_hurried: tuple[Process, socket.socket],
) -> None:
    process, _ = full_and_hurried
    with process.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        # A body that begins now and stops is given up after the time for a body.
        assert process.exchange(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n{")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_until_closed(connection).startswith(b"HTTP/1.1 200 ")


LARGE = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"a" * 3_000_000
LAST = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 2, 7, 300])
def test_a_large_refused_body_is_skipped_to_the_byte(full: tuple[Process, socket.socket], pieces: int) -> None:
    process, _ = full
    text = LARGE + LARGE + LAST
    size = len(text) // pieces + 1
    with process.connect() as connection:
        answers = Thread(target=lambda: received.append(read_until_closed(connection)))
        received: list[bytes] = []
        answers.start()
        for start in range(0, len(text), size):
            connection.sendall(text[start : start + size])
        answers.join()
    assert [one[:3] for one in received[0].split(b"HTTP/1.1 ")[1:]] == [b"503", b"503", b"200"]


def test_a_head_that_begins_in_the_same_read_as_a_large_body_ends_has_its_whole_room(
    full: tuple[Process, socket.socket],
) -> None:
    process, _ = full
    with process.connect() as connection:
        connection.sendall(LARGE[:-60_000])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connection.sendall(LARGE[-60_000:] + LAST[:20])
        time.sleep(0.3)  # until these bytes were read
        connection.sendall(LAST[20:])
        assert read_until_closed(connection).startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_in_chunks_is_skipped(full: tuple[Process, socket.socket]) -> None:
    process, _ = full
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = process.exchange(head, b"4000\r\n" + b"a" * 0x4000 + b"\r\n", b"0\r\n\r\n" + LAST)
    assert [one[:3] for one in answers.split(b"HTTP/1.1 ")[1:]] == [b"503", b"200"]


def test_a_refusal_that_closes_does_so_when_all_was_sent(full: tuple[Process, socket.socket]) -> None:
    process, _ = full
    body = b"a" * 3_000_000
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\nConnection: close\r\n\r\n"
    with process.connect() as connection:
        connection.sendall(head + body[:1])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connection.sendall(body[1:])  # closed earlier, this is a reset connection
        assert connection.recv(65_536) == b""


def test_a_connection_whose_refused_body_came_late_is_closed_when_idle(folder: Path, tmp_path: Path) -> None:
    with occupied(folder, tmp_path, KEEP_ALIVE_SECONDS="1") as (process, _), process.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connection.sendall(b"{}")
        assert connection.recv(65_536) == b""


def test_a_refused_client_that_stops_is_closed_in_time(full_and_hurried: tuple[Process, socket.socket]) -> None:
    process, _ = full_and_hurried
    answer = process.exchange(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n{")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_headers_after_a_refusal_are_bounded_too(full: tuple[Process, socket.socket]) -> None:
    process, _ = full
    refused = b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n"
    with process.connect() as connection:
        connection.sendall(refused)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"X-A: b\r\n" * 100_000)
        assert b"HTTP/1.1 431 " in read_until_closed(connection)


class Pieces:
    """A client that sends a body in pieces."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self._messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        self._messages.append(
            {"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"}
        )

    async def __call__(self) -> Message:
        return self._messages.pop(0)


def read(pieces: Pieces, max_bytes: int, **headers: bytes) -> bytes:
    reader = BodyReader(Admission(10, 1.0, Metrics()), MAX_PENDING_BYTES, 5.0)
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return asyncio.run(reader.read(pieces, named, max_bytes))


def test_a_body_in_pieces_is_put_together() -> None:
    assert read(Pieces(b"ab", b"", b"cd"), 4) == b"abcd"


def test_a_body_that_grows_too_large_is_refused_whatever_was_announced() -> None:
    with pytest.raises(Problem) as refusal:
        read(Pieces(b"ab", b"cd", b"e"), 4, content_length=b"3")
    assert refusal.value.kind is TOO_LARGE


def test_a_client_that_leaves_is_told_apart_from_one_that_is_done() -> None:
    with pytest.raises(Disconnected):
        read(Pieces(b"ab", ends=False), 4)


def test_bodies_in_pieces_share_one_budget_and_give_it_back() -> None:
    admission = Admission(10, 1.0, Metrics())
    reader = BodyReader(admission, MAX_PENDING_BYTES, 5.0)
    half = b" " * (MAX_PENDING_BYTES // 2)

    async def both() -> list[object]:
        gate = asyncio.Event()

        async def waits() -> Message:
            await gate.wait()
            return {"type": "http.disconnect"}

        class Held(Pieces):
            async def __call__(self) -> Message:
                return await (super().__call__() if len(self._messages) > 1 else waits())

        held = asyncio.ensure_future(reader.read(Held(half), {}, MAX_PENDING_BYTES))
        await asyncio.sleep(0)
        refused = await asyncio.gather(reader.read(Pieces(half, b" "), {}, MAX_PENDING_BYTES), return_exceptions=True)
        gate.set()
        return [*refused, *await asyncio.gather(held, return_exceptions=True)]

    refused, left = asyncio.run(both())
    assert isinstance(refused, Problem)
    assert refused.kind is OVERLOADED
    assert isinstance(left, Disconnected)
    assert admission.reading == 0
    assert asyncio.run(reader.read(Pieces(half, half), {}, MAX_PENDING_BYTES)) == half + half
