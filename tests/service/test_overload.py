"""Overload: what has no room is told when to come back; health and metrics always answer; slow clients take no room."""

import asyncio
from pathlib import Path
from time import perf_counter

import pytest

from service.admission import EXEMPT, Admission
from service.body import MAX_PENDING_BYTES, BodyReader, Disconnected
from service.metrics import Metrics
from service.problems import OVERLOADED, TOO_LARGE, Problem
from tests.service.clients import InProcess
from tests.service.served_folders import ROW

Message = dict[str, object]


def crowded(folder: Path, log: Path, tasks: int) -> InProcess:
    service = InProcess(folder, log, MAX_IN_FLIGHT="10")
    service.service.admission.tasks = range(tasks)
    return service


def test_a_request_beyond_the_cap_is_refused_with_a_moment_to_come_back(folder: Path, tmp_path: Path) -> None:
    service = crowded(folder, tmp_path / "log", tasks=11)
    answers = [service.post("/predict", ROW) for _ in range(30)]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["type"] for answer in answers} == {OVERLOADED.uri}
    assert {answer.headers["retry-after"] for answer in answers} == {"1", "2", "3"}
    assert service.metric("shed_total", reason="full") == 30
    assert service.records() == []


def test_a_request_within_the_cap_is_answered(folder: Path, tmp_path: Path) -> None:
    service = crowded(folder, tmp_path / "log", tasks=10)
    assert service.post("/predict", ROW).status_code == 200


@pytest.mark.parametrize("path", sorted(EXEMPT))
def test_health_and_metrics_answer_under_overload(folder: Path, tmp_path: Path, path: str) -> None:
    assert crowded(folder, tmp_path / "log", tasks=1000).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/predict/batch", "/feedback", "/requests", "/model", "/v2/models/drawn", "/nowhere"])
def test_everything_else_is_shed(folder: Path, tmp_path: Path, path: str) -> None:
    assert crowded(folder, tmp_path / "log", tasks=1000).get(path).status_code == 503


def test_requests_whose_body_is_on_its_way_take_no_room() -> None:
    admission = Admission(10, 1.0, Metrics())
    admission.tasks, admission.reading = range(1000), 990
    admission.admit("/predict", perf_counter())
    admission.reading = 989
    with pytest.raises(Problem):
        admission.admit("/predict", perf_counter())


def test_a_request_that_waited_too_long_is_refused() -> None:
    metrics = Metrics()
    admission = Admission(10, 1.0, metrics)
    with pytest.raises(Problem):
        admission.admit("/predict", perf_counter() - 1.1)
    admission.admit("/predict", perf_counter() - 0.5)
    admission.admit("/livez", perf_counter() - 1.1)
    assert metrics.shed.values == {("waited",): 1, ("full",): 0}


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
    reader = BodyReader(Admission(10, 1.0, Metrics()))
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
    reader = BodyReader(admission)
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
