"""A discrete-event model of the service's event loop on one core: what it reads, makes wait, answers and refuses.

A turn of the loop reads what has arrived, works on what the last turn has read, and sends all answers together
(service/http/write_coalescing.py). So a turn with n requests takes `turn + n * request` of the core, and a request
waits for the turn that is at work when it arrives: a queue with bulk service, not M/G/1. Load shedding and time slices
are as built, with the service's own constants. So few rules need no simulation library.

The core also stands still: the kernel runs something else. These stalls are measured ones. All is simulated in the
core's own time, which stands still in a stall; arrivals and answers are converted.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.http.load_shedding import STANDING_QUEUE_SECONDS
from service.http.time_slices import SLICE_SECONDS, STANDING_QUEUE
from service.settings import Settings

FloatArray = npt.NDArray[np.float64]

MAX_IN_FLIGHT: int = Settings.model_fields["max_in_flight"].default
MAX_WAIT_SECONDS: float = Settings.model_fields["max_wait_seconds"].default
# Of TimeSlices' moving average.
LAST_WEIGHT, MAX_RATIO = 0.2, 4


@dataclass(frozen=True)
class Costs:
    """Core seconds: of each turn, of each answered request in it, and of each refused one.

    `crowded`: more for a request that waits for a slice, among hundreds of others. `way`: there and back, off the core.
    """

    turn: float
    request: float
    refusal: float = 0.0
    crowded: float = 0.0
    way: float = 0.0


@dataclass(frozen=True)
class Stalls:
    """When a core stood still. `begins`, `lengths`: seconds; `over`: the seconds in which they were seen."""

    begins: FloatArray
    lengths: FloatArray
    over: float

    @property
    def share(self) -> float:
        return float(self.lengths.sum()) / self.over

    def drawn(self, seconds: float, random: np.random.Generator) -> "Stalls":
        """As often and as long, at other moments."""
        number = random.poisson(len(self.lengths) / self.over * seconds) if len(self.lengths) else 0
        return Stalls(np.sort(random.uniform(0, seconds, number)), random.choice(self.lengths, number), seconds)


NO_STALLS = Stalls(np.empty(0), np.empty(0), 1.0)


def all_of(stalls: "list[Stalls]") -> Stalls:
    """Those of several runs, to draw from."""
    return Stalls(
        np.concatenate([one.begins for one in stalls]),
        np.concatenate([one.lengths for one in stalls]),
        sum(one.over for one in stalls),
    )


@dataclass(frozen=True)
class Outcome:
    """What became of the requests: the seconds until those were answered that were, and how many were refused."""

    latencies: FloatArray
    refused: int

    @property
    def answered_share(self) -> float:
        return len(self.latencies) / max(1, len(self.latencies) + self.refused)

    def quantile_ms(self, share: float) -> float:
        """Of the answered ones; NaN without any."""
        return 1000 * float(np.quantile(self.latencies, share)) if len(self.latencies) else float("nan")


class CoreTime:
    """Converts the wall's time into the core's, which stands still in each stall."""

    def __init__(self, stalls: Stalls) -> None:
        begins = stalls.begins.copy()
        for at in range(1, len(begins)):  # one that begins during another follows it
            begins[at] = max(begins[at], begins[at - 1] + stalls.lengths[at - 1])
        self._ends = begins + stalls.lengths
        self._begins = begins
        self._lost = np.concatenate([[0.0], np.cumsum(stalls.lengths)])
        self._begins_of_core = np.maximum.accumulate(begins - self._lost[:-1])

    def of_wall(self, wall: FloatArray) -> FloatArray:
        """The core's time at these moments of the wall."""
        begun = np.searchsorted(self._begins, wall, side="right")
        converted: FloatArray = wall - self._lost[begun]
        if len(self._ends):
            left = self._ends[np.maximum(begun - 1, 0)] - wall
            converted = converted + np.where(begun > 0, np.maximum(left, 0.0), 0.0)
        return converted

    def to_wall(self, core: FloatArray) -> FloatArray:
        """The first moments of the wall at which the core's time has come so far."""
        converted: FloatArray = core + self._lost[np.searchsorted(self._begins_of_core, core, side="left")]
        return converted

    def awake(self, wall: FloatArray) -> FloatArray:
        """These moments of the wall, or where they are in a stall, its end."""
        begun = np.searchsorted(self._begins, wall, side="right")
        ends = np.concatenate([[-np.inf], self._ends])
        moments: FloatArray = np.maximum(wall, ends[begun])
        return moments


def one_replica(arrivals: FloatArray, costs: Costs, stalls: Stalls, of_client: Stalls = NO_STALLS) -> Outcome:
    """A replica that meets its clients itself. `arrivals`: seconds, ascending. `of_client`: it sees answers later."""
    core = CoreTime(stalls)
    loop = _Loop(costs, core.of_wall(arrivals))
    loop.run()
    done = CoreTime(of_client).awake(core.to_wall(np.array(loop.done)) + costs.way)
    return Outcome(done - arrivals[np.array(loop.answered, dtype=np.int64)], loop.refused)


class _Loop:
    """The event loop, in the core's time. Requests are numbers: places in `times`."""

    def __init__(self, costs: Costs, times: FloatArray) -> None:
        self._costs = costs
        self._work = costs.request - costs.refusal  # what is read has cost that much already
        self._times = times.tolist()
        self._next = 0
        self._now = 0.0
        self._read: list[int] = []
        self._waiting: deque[int] = deque()
        self._admitted: list[int] = []
        self._slice_began: float | None = None
        self._slice_requests = 0
        self._seconds_each = 0.0
        self._overflows_since: float | None = None
        self.answered: list[int] = []
        self.done: list[float] = []
        self.refused = 0

    def run(self) -> None:
        """Until everything has arrived and is answered or refused."""
        while self._next < len(self._times) or self._read or self._waiting or self._admitted:
            if not (self._read or self._waiting or self._admitted):
                self._now = max(self._now, self._times[self._next])
            self._turn()

    def _turn(self) -> None:
        self._close_slice()
        crowded = len(self._admitted) * self._costs.crowded
        begun = self._begun()
        if begun:
            self._now += self._costs.turn + len(begun) * self._work + crowded
        self._poll()
        self.answered += begun
        self.done += [self._now] * len(begun)

    def _close_slice(self) -> None:
        """End the slice of the last turn; those that have waited longest get the next one."""
        if self._slice_began is None:
            return
        each = (self._now - self._slice_began) / self._slice_requests
        known = self._seconds_each or min(each, SLICE_SECONDS)
        self._seconds_each = known + LAST_WEIGHT * (min(each, MAX_RATIO * known) - known)
        self._slice_began = None
        if self._waiting:
            number = min(len(self._waiting), max(1, int(SLICE_SECONDS / self._seconds_each)))
            taken = [self._waiting.popleft() for _ in range(number)]
            self._admitted = [one for one in taken if self._now - self._times[one] <= MAX_WAIT_SECONDS]
            self.refused += len(taken) - len(self._admitted)
            self._slice_began, self._slice_requests = self._now, number

    def _begun(self) -> list[int]:
        """The requests of this turn: those whose slice has come, and those that were just read while there is room."""
        begun, self._admitted = self._admitted, []
        for one in self._read:
            if self._slice_began is None:
                self._slice_began, self._slice_requests = self._now, 0
            if self._waiting or self._now + len(begun) * self._work - self._slice_began > SLICE_SECONDS:
                if not self._waiting:
                    self._overflows_since = None
                self._waiting.append(one)
            else:
                self._slice_requests += 1
                begun.append(one)
        self._read = []
        return begun

    def _poll(self) -> None:
        """Read what has arrived by now, and refuse what would wait too long."""
        while self._next < len(self._times) and self._times[self._next] <= self._now:
            self._now += self._costs.refusal
            if self._is_full():
                self.refused += 1
                if self._overflows_since is None:
                    self._overflows_since = self._now
            else:
                self._read.append(self._next)
            self._next += 1

    def _is_full(self) -> bool:
        """As service/http/load_shedding.py decides."""
        if len(self._read) + len(self._waiting) + len(self._admitted) >= MAX_IN_FLIGHT:
            return True
        wait = len(self._waiting) * self._seconds_each
        if wait <= STANDING_QUEUE_SECONDS:
            return False
        since = self._overflows_since
        is_standing = since is not None and len(self._waiting) > STANDING_QUEUE
        return wait > 0.5 * MAX_WAIT_SECONDS or (
            is_standing and since is not None and self._now - since > MAX_WAIT_SECONDS
        )
