"""Turns: long work is spread over turns of the event loop, in its order; between them it looks at its connections."""

import asyncio
import contextlib
import socket
from pathlib import Path

import uvloop

from service.http.server import ACCEPTS_A_TURN, listen
from service.http.time_slices import STANDING_PIECES, TURN_SECONDS, Turns
from testbed.clients import InProcess


class Clock:
    """Counts the loop's turns for as long as it runs, and the seconds of the work that is done in them."""

    def __init__(self) -> None:
        self.turn = 0
        self.seconds = 0.0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1

    def now(self) -> float:
        self.seconds += 1e-6  # so that nothing takes no time at all
        return self.seconds

    async def work(self, turns: Turns, seconds: float) -> None:
        if not turns.have_room():
            await turns.wait()
        self.seconds += seconds


def turns_of(pieces: int, seconds: float) -> list[int]:
    """In which turn of the loop each piece of work of so many seconds began."""

    async def all_at_once() -> list[int]:
        clock, began = Clock(), []
        turns = Turns(clock.now)

        async def piece(number: int) -> None:
            await clock.work(turns, seconds)
            began.append((number, clock.turn))

        ticking = asyncio.ensure_future(clock.run())
        await asyncio.gather(*(piece(number) for number in range(pieces)))
        ticking.cancel()
        assert [number for number, _ in began] == list(range(pieces))
        return [turn for _, turn in began]

    return asyncio.run(all_at_once())


def test_long_pieces_of_work_begin_in_turns_of_their_own() -> None:
    began = turns_of(10, 1.5 * TURN_SECONDS)
    assert len(set(began)) == 10


def test_short_pieces_of_work_share_turns() -> None:
    assert len(set(turns_of(200, 0))) < 100


def test_what_waits_is_known_beforehand() -> None:
    async def crowd() -> float:
        clock = Clock()
        turns = Turns(clock.now)
        tasks = [asyncio.ensure_future(clock.work(turns, 1.5 * TURN_SECONDS)) for _ in range(12)]
        await tasks[1]
        waiting = turns.backlog_seconds()
        await asyncio.gather(*tasks)
        assert turns.backlog_seconds() == 0
        return waiting

    assert asyncio.run(crowd()) > TURN_SECONDS


def test_one_long_stop_does_not_make_all_the_rest_look_slow() -> None:
    async def crowd() -> float:
        clock = Clock()
        turns = Turns(clock.now)
        for _ in range(20):
            await clock.work(turns, 0.0)
            await asyncio.sleep(0)
        tasks = [asyncio.ensure_future(clock.work(turns, seconds)) for seconds in (0.5, *[0.0] * 12)]
        await tasks[1]
        waiting = turns.backlog_seconds()
        await asyncio.gather(*tasks)
        return waiting

    assert asyncio.run(crowd()) < 0.25


def test_whoever_gives_up_waiting_holds_up_nobody() -> None:
    async def crowd() -> None:
        clock = Clock()
        turns = Turns(clock.now)
        tasks = [asyncio.ensure_future(clock.work(turns, 1.5 * TURN_SECONDS)) for _ in range(4)]
        await tasks[0]
        tasks[2].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[2]
        await asyncio.wait_for(tasks[3], 10)

    asyncio.run(crowd())


def test_more_than_can_be_done_is_told_from_a_burst() -> None:
    async def crowd(of: int, pause: int = 0, refused: bool = True) -> list[bool]:
        """Whether it was too much for 50 ms, asked whenever a piece of work is done; one more is refused at once.

        `pause`: turns of the loop between one piece and the next.
        """
        clock, answers = Clock(), []
        turns = Turns(clock.now)

        async def piece() -> None:
            await clock.work(turns, 1.5 * TURN_SECONDS)
            answers.append(turns.overflow_for(0.05))

        tasks = []
        for _ in range(of):
            tasks.append(asyncio.ensure_future(piece()))
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        if refused:
            turns.overflow()
        await asyncio.gather(*tasks)
        return answers

    answers = asyncio.run(crowd(30))
    assert not answers[0]
    assert any(answers)
    assert not any(answers[-STANDING_PIECES:])
    assert not any(asyncio.run(crowd(30, refused=False)))
    assert not any(asyncio.run(crowd(STANDING_PIECES)))
    assert not any(asyncio.run(crowd(10, pause=3)))


def test_a_queue_that_was_empty_since_is_another() -> None:
    async def twice() -> bool:
        clock = Clock()
        turns = Turns(clock.now)

        async def crowd() -> None:
            await asyncio.gather(*(clock.work(turns, 1.5 * TURN_SECONDS) for _ in range(10)))

        first = asyncio.ensure_future(crowd())
        await asyncio.sleep(0)
        turns.overflow()
        await first
        second = asyncio.ensure_future(crowd())
        while not turns.backlog_seconds():
            await asyncio.sleep(0)
        overflows = turns.overflow_for(0.0)
        await second
        return overflows

    assert not asyncio.run(twice())


def test_many_connections_are_accepted_in_one_turn(folder: Path, tmp_path: Path) -> None:
    service = InProcess(folder, tmp_path / "log").service

    async def turns_to_accept(wanted: int) -> int:
        listener = listen("127.0.0.1", 0)
        if not service.config.loaded:
            service.config.load()
        service.server.lifespan = service.config.lifespan_class(service.config)
        await service.server.startup([listener])
        clients = [socket.create_connection(listener.getsockname()) for _ in range(wanted)]
        taken = 0
        while len(service.server.server_state.connections) < wanted:
            await asyncio.sleep(0)
            taken += 1
        for client in clients:
            client.close()
        await service.server.shutdown([listener])
        return taken

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_to_accept(10 * ACCEPTS_A_TURN)) <= 30
