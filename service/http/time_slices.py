"""How long the event loop works before it looks at its connections again.

asyncio runs everything that is ready before it looks for more. Where one answer takes milliseconds, as a large batch
does, and many wait, that is seconds in which no connection is accepted, no refusal is sent and no health route answers.
So a turn of the loop ends after `TURN_SECONDS`: what has not begun by then waits for a later one, in its order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

# Longer than 64 single rows take, so that ordinary traffic never waits here. Looking at the connections begins with a
# cold cache: at half of this, overload answered 3 % less (docs/faults.md).
TURN_SECONDS = 0.01
# So many must wait at least where all come too fast, so that work is always there.
STANDING_PIECES = 4
# Weight of the last turn in what one piece of work is expected to cost, and how much more than expected it may count:
# a process that had to wait for its core once does not become slow by it.
_LAST, _AT_MOST_TIMES = 0.2, 4


class Turns:
    """Only the event loop's thread may call it. `now`: seconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_open = False
        self._began = 0.0
        self._pieces = 0
        self._seconds_each = 0.0
        self._overflows_since: float | None = None

    def have_room(self) -> bool:
        """Whether a piece of work may begin now; if not, `wait` for it."""
        if not self._is_open:
            self._open(1)
            return True
        if self._waiting or self._now() - self._began > TURN_SECONDS:
            return False
        self._pieces += 1
        return True

    async def wait(self) -> None:
        """Return in a later turn, after everybody who waits already."""
        if not self._waiting:
            self._overflows_since = None
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def backlog_seconds(self) -> float:
        """How long whoever comes now would wait, as far as the last turns tell."""
        return len(self._waiting) * self._seconds_each

    def overflow(self) -> None:
        """Somebody was refused for whom there was no room."""
        if self._overflows_since is None:
            self._overflows_since = self._now()

    def overflow_for(self, seconds: float) -> bool:
        """Whether requests were refused and others waited for so long that this is overload, and not a burst."""
        since = self._overflows_since
        return since is not None and len(self._waiting) > STANDING_PIECES and self._now() - since > seconds

    def _open(self, pieces: int) -> None:
        self._is_open, self._began, self._pieces = True, self._now(), pieces
        asyncio.get_running_loop().call_soon(self._close)

    def _close(self) -> None:
        """The loop has looked at its connections: those who wait the longest work in the turn that begins."""
        each = (self._now() - self._began) / self._pieces
        known = self._seconds_each or min(each, TURN_SECONDS)
        self._seconds_each = known + _LAST * (min(each, _AT_MOST_TIMES * known) - known)
        self._is_open = False
        if self._waiting:
            # At least one, so that all come to their turn.
            pieces = min(len(self._waiting), max(1, int(TURN_SECONDS / self._seconds_each)))
            for _ in range(pieces):
                place = self._waiting.popleft()
                if not place.done():  # cancelled
                    place.set_result(None)
            self._open(pieces)
