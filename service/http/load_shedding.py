"""Whether there is room for a request: at most so many at work, none that has waited for too long already.

What is refused is refused before anything is made for it (protocol.py), for a service that is busy refusing answers
nobody; and it is told when to come back, at a moment of its own, so that all do not come at once.
Health and metrics are never refused: an overloaded service must not look like a dead one. A request whose body is still
arriving is not at work, so slow clients take no place from others.
"""

import random
from collections.abc import Sized
from time import perf_counter

from service.http.problems import OVERLOADED, Problem
from service.http.time_slices import Turns
from service.metrics import Metrics

EXEMPT = frozenset({"/livez", "/readyz", "/startupz", "/metrics", "/v2/health/live", "/v2/health/ready"})
# How much work may wait where others are refused all the time: enough for the next turns, and it is answered at once.
STANDING_SECONDS = 0.02
RETRY_AFTER_SECONDS = (1, 2, 3)


class Admission:
    """`tasks`: the server's set of requests without an answer yet; `reading`: those of them without a whole body."""

    def __init__(self, max_in_flight: int, max_wait_seconds: float, metrics: Metrics) -> None:
        self._max_in_flight = max_in_flight
        self._max_wait_seconds = max_wait_seconds
        self.tasks: Sized = ()
        self.reading = 0
        self.turns = Turns()
        self._shed = metrics.shed
        metrics.shed.make([("full",), ("waited",)])
        metrics.in_flight.set_function(self.in_flight)

    def in_flight(self) -> int:
        """Requests at work, or whole and waiting for it."""
        return len(self.tasks) - self.reading

    def sheds(self, path: str) -> bool:
        """Whether a request that has just arrived has to be refused; if so, counts it. `path`: without its query."""
        if not self._is_full() or path in EXEMPT:
            return False
        self.turns.overflow()
        self._shed.add("full")
        return True

    def refuse_full(self) -> None:
        """Raises Problem for a request whose body has arrived in pieces, where others have taken its place since."""
        if self._is_full():
            self._shed.add("full")
            raise refused_for_now()

    def _is_full(self) -> bool:
        if self.in_flight() >= self._max_in_flight:
            return True
        wait = self.turns.backlog_seconds()
        if wait <= STANDING_SECONDS:
            return False
        # Half of the wait: what is expected is a guess, and who has waited to be refused has waited for nothing.
        return wait > 0.5 * self._max_wait_seconds or self.turns.overflow_for(self._max_wait_seconds)

    def refuse_late(self, path: str, arrived: float) -> None:
        """Raises Problem for a request that has waited too long. `arrived`: when it did, by perf_counter."""
        if perf_counter() - arrived > self._max_wait_seconds and path not in EXEMPT:
            self._shed.add("waited")
            raise refused_for_now()

    async def wait_for_a_turn(self) -> None:
        """Return when a request with a body may be worked on. Raises Problem where that took too long."""
        whole = perf_counter()
        await self.turns.wait()
        self.refuse_late("", whole)


def refused_for_now(seconds: int | None = None) -> Problem:
    """503, with a moment to come back at: in so many seconds, or at random."""
    seconds = random.choice(RETRY_AFTER_SECONDS) if seconds is None else seconds
    return Problem(OVERLOADED, headers=((b"retry-after", b"%d" % seconds),))
