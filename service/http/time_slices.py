"""Time slices: how long the event loop works before it polls its connections again.

asyncio runs everything that is ready before it polls. A large batch takes milliseconds; where many wait, the loop would
accept no connection, send no refusal and answer no health check for seconds. So a slice ends after `SLICE_SECONDS`:
requests that have not begun by then wait for a later slice, first in, first out.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

# Longer than 64 single rows take, so ordinary traffic never waits here. Polling leaves a cold cache: with half of this,
# the service answered 3 % fewer requests under overload (docs/faults.md).
SLICE_SECONDS = 0.01
# The shortest queue during overload that keeps every slice full.
STANDING_QUEUE = 4
# The expected seconds per request are a moving average: the weight of the last slice, and the most that one slice may
# exceed the average, so that one wait for a core does not make the service look slow.
_LAST_WEIGHT, _MAX_RATIO = 0.2, 4


class TimeSlices:
    """Only the event loop's thread may call it. `now`: a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_open = False
        self._began = 0.0
        self._requests = 0
        self._seconds_each = 0.0
        self._overflows_since: float | None = None

    def have_room(self) -> bool:
        """Whether a request may begin now; if not, `wait` for a later slice."""
        if not self._is_open:
            self._open(1)
            return True
        if self._waiting or self._now() - self._began > SLICE_SECONDS:
            return False
        self._requests += 1
        return True

    async def wait(self) -> None:
        """Return in a later slice, after all requests that wait already."""
        if not self._waiting:
            self._overflows_since = None
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def backlog_seconds(self) -> float:
        """How long a new request would wait, estimated from the last slices."""
        return len(self._waiting) * self._seconds_each

    def overflow(self) -> None:
        """A request was refused because the service is full."""
        if self._overflows_since is None:
            self._overflows_since = self._now()

    def overflow_for(self, seconds: float) -> bool:
        """Whether requests have been refused and the queue has been full for this long: overload, not a burst."""
        since = self._overflows_since
        return since is not None and len(self._waiting) > STANDING_QUEUE and self._now() - since > seconds

    def _open(self, requests: int) -> None:
        self._is_open, self._began, self._requests = True, self._now(), requests
        asyncio.get_running_loop().call_soon(self._close)

    def _close(self) -> None:
        """Called after the loop has polled: start the next slice with the requests that have waited longest."""
        each = (self._now() - self._began) / self._requests
        known = self._seconds_each or min(each, SLICE_SECONDS)
        self._seconds_each = known + _LAST_WEIGHT * (min(each, _MAX_RATIO * known) - known)
        self._is_open = False
        if self._waiting:
            # At least one, so that the queue always moves.
            requests = min(len(self._waiting), max(1, int(SLICE_SECONDS / self._seconds_each)))
            for _ in range(requests):
                turn = self._waiting.popleft()
                if not turn.done():  # cancelled
                    turn.set_result(None)
            self._open(requests)
