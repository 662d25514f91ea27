"""Load shedding: a limit on the requests in flight, and on how long one may wait.

A request is refused before anything is allocated for it (protocol.py), so refusing takes little time from answering.
Each refusal names its own Retry-After, so clients do not all come back at once.
Health and metrics are never refused: an overloaded service must not look like a dead one. A request whose body is still
arriving is not in flight, so slow clients take no place from others.
"""

import random
from collections.abc import Sized
from time import perf_counter

from service.http.problems import OVERLOADED, Problem
from service.http.time_slices import TimeSlices
from service.metrics import Metrics

EXEMPT = frozenset({"/livez", "/readyz", "/startupz", "/metrics", "/v2/health/live", "/v2/health/ready"})
# The longest queue that is kept during overload: enough work for the next time slices, and each answer comes soon.
STANDING_QUEUE_SECONDS = 0.02
RETRY_AFTER_SECONDS = (1, 2, 3)


class Admission:
    """`tasks`: the server's unanswered requests; `reading`: how many of them still wait for their body."""

    def __init__(self, max_in_flight: int, max_wait_seconds: float, metrics: Metrics) -> None:
        self._max_in_flight = max_in_flight
        self._max_wait_seconds = max_wait_seconds
        self.tasks: Sized = ()
        self.reading = 0
        self.slices = TimeSlices()
        self._shed = metrics.shed
        metrics.shed.make([("full",), ("waited",)])
        metrics.in_flight.set_function(self.in_flight)

    def in_flight(self) -> int:
        """Requests whose body is whole: at work, or waiting for it."""
        return len(self.tasks) - self.reading

    def sheds(self, path: str) -> bool:
        """Whether a request that has just arrived must be refused; counts the refusal. `path`: without its query."""
        if not self._is_full() or path in EXEMPT:
            return False
        self.slices.overflow()
        self._shed.add("full")
        return True

    def refuse_full(self) -> None:
        """Raises Problem if the limit was reached while a request's body arrived in pieces."""
        if self._is_full():
            self._shed.add("full")
            raise refused_for_now()

    def _is_full(self) -> bool:
        if self.in_flight() >= self._max_in_flight:
            return True
        wait = self.slices.backlog_seconds()
        if wait <= STANDING_QUEUE_SECONDS:
            return False
        # Half of the limit, because the wait is an estimate: a request that waits and is refused has waited in vain.
        return wait > 0.5 * self._max_wait_seconds or self.slices.overflow_for(self._max_wait_seconds)

    def refuse_late(self, path: str, arrived: float) -> None:
        """Raises Problem for a request that has waited too long. `arrived`: a time of perf_counter."""
        if perf_counter() - arrived > self._max_wait_seconds and path not in EXEMPT:
            self._shed.add("waited")
            raise refused_for_now()

    async def wait_for_a_slice(self) -> None:
        """Return when a request with a whole body may be worked on. Raises Problem if that took too long."""
        whole = perf_counter()
        await self.slices.wait()
        self.refuse_late("", whole)


def refused_for_now(seconds: int | None = None) -> Problem:
    """503 with Retry-After: these seconds, or one of RETRY_AFTER_SECONDS at random."""
    seconds = random.choice(RETRY_AFTER_SECONDS) if seconds is None else seconds
    return Problem(OVERLOADED, headers=((b"retry-after", b"%d" % seconds),))
