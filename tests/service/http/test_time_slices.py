"""Time slices: long work is spread over iterations of the event loop, in order; the loop polls between them."""

import asyncio
import contextlib
import socket
from pathlib import Path

import uvloop

from service.http.server import ACCEPTS_PER_ITERATION, listen
from service.http.time_slices import SLICE_SECONDS, STANDING_QUEUE, TimeSlices
from testbed.clients import InProcess


class Clock:
    """Counts the loop's iterations, and the seconds of the work done in them."""

    def __init__(self) -> None:
        self.iteration = 0
        self.seconds = 0.0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.iteration += 1

    def now(self) -> float:
        self.seconds += 1e-6  # so that nothing takes no time at all
        return self.seconds

    async def work(self, slices: TimeSlices, seconds: float) -> None:
        if not slices.have_room():
            await slices.wait()
        self.seconds += seconds


def iterations_of(pieces: int, seconds: float) -> list[int]:
    """In which iteration each of these pieces of work began. `seconds`: the length of each."""

    async def all_at_once() -> list[int]:
        clock, began = Clock(), []
        slices = TimeSlices(clock.now)

        async def piece(number: int) -> None:
            await clock.work(slices, seconds)
            began.append((number, clock.iteration))

        ticking = asyncio.ensure_future(clock.run())
        await asyncio.gather(*(piece(number) for number in range(pieces)))
        ticking.cancel()
        assert [number for number, _ in began] == list(range(pieces))
        return [iteration for _, iteration in began]

    return asyncio.run(all_at_once())


def test_long_pieces_of_work_begin_in_iterations_of_their_own() -> None:
    began = iterations_of(10, 1.5 * SLICE_SECONDS)
    assert len(set(began)) == 10


def test_short_pieces_of_work_share_iterations() -> None:
    assert len(set(iterations_of(200, 0))) < 100


def test_the_wait_is_estimated_beforehand() -> None:
    async def crowd() -> float:
        clock = Clock()
        slices = TimeSlices(clock.now)
        tasks = [asyncio.ensure_future(clock.work(slices, 1.5 * SLICE_SECONDS)) for _ in range(12)]
        await tasks[1]
        waiting = slices.backlog_seconds()
        await asyncio.gather(*tasks)
        assert slices.backlog_seconds() == 0
        return waiting

    assert asyncio.run(crowd()) > SLICE_SECONDS


def test_one_long_pause_does_not_make_the_service_look_slow() -> None:
    async def crowd() -> float:
        clock = Clock()
        slices = TimeSlices(clock.now)
        for _ in range(20):
            await clock.work(slices, 0.0)
            await asyncio.sleep(0)
        tasks = [asyncio.ensure_future(clock.work(slices, seconds)) for seconds in (0.5, *[0.0] * 12)]
        await tasks[1]
        waiting = slices.backlog_seconds()
        await asyncio.gather(*tasks)
        return waiting

    assert asyncio.run(crowd()) < 0.25


def test_a_cancelled_request_does_not_block_the_queue() -> None:
    async def crowd() -> None:
        clock = Clock()
        slices = TimeSlices(clock.now)
        tasks = [asyncio.ensure_future(clock.work(slices, 1.5 * SLICE_SECONDS)) for _ in range(4)]
        await tasks[0]
        tasks[2].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[2]
        await asyncio.wait_for(tasks[3], 10)

    asyncio.run(crowd())


def test_overload_is_told_from_a_burst() -> None:
    async def crowd(of: int, pause: int = 0, refused: bool = True) -> list[bool]:
        """Whether it was too much for 50 ms, asked whenever a piece of work is done; one more is refused at once.

        `pause`: iterations between one piece and the next.
        """
        clock, answers = Clock(), []
        slices = TimeSlices(clock.now)

        async def piece() -> None:
            await clock.work(slices, 1.5 * SLICE_SECONDS)
            answers.append(slices.overflow_for(0.05))

        tasks = []
        for _ in range(of):
            tasks.append(asyncio.ensure_future(piece()))
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        if refused:
            slices.overflow()
        await asyncio.gather(*tasks)
        return answers

    answers = asyncio.run(crowd(30))
    assert not answers[0]
    assert any(answers)
    assert not any(answers[-STANDING_QUEUE:])
    assert not any(asyncio.run(crowd(30, refused=False)))
    assert not any(asyncio.run(crowd(STANDING_QUEUE)))
    assert not any(asyncio.run(crowd(10, pause=3)))


def test_overload_is_timed_anew_after_an_empty_queue() -> None:
    async def twice() -> bool:
        clock = Clock()
        slices = TimeSlices(clock.now)

        async def crowd() -> None:
            await asyncio.gather(*(clock.work(slices, 1.5 * SLICE_SECONDS) for _ in range(10)))

        first = asyncio.ensure_future(crowd())
        await asyncio.sleep(0)
        slices.overflow()
        await first
        second = asyncio.ensure_future(crowd())
        while not slices.backlog_seconds():
            await asyncio.sleep(0)
        overflows = slices.overflow_for(0.0)
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
        assert runner.run(turns_to_accept(10 * ACCEPTS_PER_ITERATION)) <= 30
