"""The outbox: alone, an answer leaves at once; in company, all leave together, each once and in its order."""

import asyncio
from typing import Any

import pytest

from service.http.write_coalescing import GatheredTransport, Outbox


class Wire(asyncio.Transport):
    """The far end of a connection: what was written, in order, and whether it was closed."""

    def __init__(self, log: list[tuple[str, bytes]], name: str) -> None:
        super().__init__()
        self._log = log
        self._name = name

    def write(self, data: Any) -> None:
        self._log.append((self._name, bytes(data)))

    def close(self) -> None:
        self._log.append((self._name, b"closed"))

    def is_closing(self) -> bool:
        return (self._name, b"closed") in self._log

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self._name}.get(name, default)


@pytest.fixture
def log() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def test_an_answer_that_is_alone_leaves_at_once(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    outbox.tasks = range(1)
    GatheredTransport(Wire(log, "a"), outbox).write(b"1")
    assert log == [("a", b"1")]


def test_a_head_leaves_with_its_body(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        outbox.tasks = range(1)
        transport = GatheredTransport(Wire(log, "a"), outbox)
        transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        assert log == []
        transport.write(b"1")
        assert log == [("a", b"HTTP/1.1 200 OK\r\n\r\n1")]
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert len(log) == 1


def test_a_head_without_a_body_leaves_when_the_turn_ends(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        outbox.tasks = range(1)
        GatheredTransport(Wire(log, "a"), outbox).write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert log == [("a", b"HTTP/1.1 204 No Content\r\n\r\n")]


def test_answers_in_company_leave_together_when_the_turn_ends(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        outbox.tasks = range(2)
        first, second = (GatheredTransport(Wire(log, name), outbox) for name in "ab")
        for transport in (first, second, first):
            transport.write(b"1")
        assert log == []
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert log == [("a", b"11"), ("b", b"1")]


def test_the_last_at_work_takes_all_with_it(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        first, second = (GatheredTransport(Wire(log, name), outbox) for name in "ab")
        outbox.tasks = range(2)
        first.write(b"1")
        outbox.tasks = range(1)
        first.write(b"2")
        second.write(b"3")
        assert log == [("a", b"12"), ("b", b"3")]

    asyncio.run(turn())
    assert len(log) == 2


def test_what_is_held_leaves_before_the_connection_closes(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        outbox.tasks = range(2)
        transport = GatheredTransport(Wire(log, "a"), outbox)
        transport.write(b"1")
        transport.close()
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert log == [("a", b"1"), ("a", b"closed")]


def test_a_client_that_is_gone_keeps_nobody_else_from_an_answer(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    async def turn() -> None:
        outbox.tasks = range(3)
        gone, other = Wire(log, "a"), Wire(log, "b")
        for wire in (gone, other):
            GatheredTransport(wire, outbox).write(b"1")
        gone.close()
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert log == [("a", b"closed"), ("b", b"1")]


def test_the_connection_itself_can_be_asked(outbox: Outbox, log: list[tuple[str, bytes]]) -> None:
    assert GatheredTransport(Wire(log, "a"), outbox).get_extra_info("peername") == "a"
