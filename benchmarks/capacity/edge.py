"""A discrete-event model of HAProxy and replicas behind it that share one core (deploy/edge/haproxy.cfg).

HAProxy reads a request, gives it to the next replica in turn that has a place, and lets others wait in its own queue.
A replica never has more than EDGE_IN_FLIGHT, so it never refuses; its turns are those of event_loop.py. Whoever is at
work gets the same share of the core.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.capacity.event_loop import NO_STALLS, CoreTime, Costs, FloatArray, Outcome, Stalls

# The defaults of EDGE_IN_FLIGHT, EDGE_QUEUE and EDGE_QUEUE_MS.
EDGE_IN_FLIGHT, EDGE_QUEUE, EDGE_QUEUE_SECONDS = 16, 256, 0.1


@dataclass(frozen=True)
class EdgeCosts:
    """Core seconds of HAProxy for a request that is answered, and for one that it refuses itself."""

    request: float
    refusal: float


def behind_the_edge(
    arrivals: FloatArray, costs: Costs, edge: EdgeCosts, stalls: Stalls, replicas: int, of_client: Stalls = NO_STALLS
) -> Outcome:
    """So many replicas behind HAProxy, on one core. `arrivals`: seconds, ascending."""
    core = CoreTime(stalls)
    simulated = _Edge(costs, edge, core.of_wall(arrivals).tolist(), replicas)
    simulated.run()
    done = CoreTime(of_client).awake(core.to_wall(np.array(simulated.done)) + costs.way)
    return Outcome(done - arrivals[np.array(simulated.answered, dtype=np.int64)], simulated.refused)


@dataclass
class _Worker:
    """HAProxy or a replica: what it was given, what of that is in the turn at work, and what that still needs."""

    given: list[int] = field(default_factory=list)
    at_work: list[int] = field(default_factory=list)
    is_busy: bool = False
    needs: float = 0.0

    def work(self, requests: list[int], seconds: float) -> None:
        """Begin a turn with these."""
        self.at_work, self.is_busy, self.needs = requests, True, seconds

    @property
    def places(self) -> int:
        return EDGE_IN_FLIGHT - len(self.given) - len(self.at_work)


class _Edge:
    def __init__(self, costs: Costs, edge: EdgeCosts, times: Sequence[float], replicas: int) -> None:
        self._costs, self._edge, self._times = costs, edge, times
        self._front = _Worker()
        self._replicas = [_Worker() for _ in range(replicas)]
        self._turn_of = 0
        self._queue: deque[int] = deque()
        self._now = 0.0
        self.answered: list[int] = []
        self.done: list[float] = []
        self.refused = 0

    def run(self) -> None:
        """Until everything has arrived and is answered or refused."""
        following = 0
        while True:
            busy = [one for one in (self._front, *self._replicas) if one.is_busy]
            arrives = self._times[following] if following < len(self._times) else float("inf")
            first = min(busy, key=lambda one: one.needs, default=None)
            ends = self._now + first.needs * len(busy) if first else float("inf")
            if arrives == ends == float("inf"):
                return
            self._pass(min(arrives, ends), busy)
            if arrives <= ends:
                self._front.given.append(following)
                following += 1
                self._begin_front()
            elif first is self._front:
                self._end_front()
            elif first:
                self._end(first)

    def _pass(self, until: float, busy: Sequence[_Worker]) -> None:
        for one in busy:
            one.needs -= max(0.0, until - self._now) / len(busy)
        self._now = max(self._now, until)

    def _begin_front(self) -> None:
        if self._front.is_busy or not self._front.given:
            return
        room = EDGE_QUEUE - len(self._queue) + sum(one.places for one in self._replicas)
        taken, refused = self._front.given[:room], self._front.given[room:]
        self.refused += len(refused)
        self._front.given = []
        self._front.work(taken, len(taken) * self._edge.request + len(refused) * self._edge.refusal)

    def _end_front(self) -> None:
        self._queue.extend(self._front.at_work)
        self._front.is_busy = False
        self._give()
        self._begin_front()

    def _give(self) -> None:
        """What waits, to the next replicas that have places, in turn."""
        while self._queue and (one := self._with_a_place()):
            waited = self._queue.popleft()
            if self._now - self._times[waited] > EDGE_QUEUE_SECONDS:
                self.refused += 1
            else:
                one.given.append(waited)
                self._begin(one)

    def _with_a_place(self) -> _Worker | None:
        for step in range(len(self._replicas)):
            one = self._replicas[(self._turn_of + step) % len(self._replicas)]
            if one.places > 0:
                self._turn_of += step + 1
                return one
        return None

    def _begin(self, one: _Worker) -> None:
        if not one.is_busy and one.given:
            one.work(one.given, self._costs.turn + len(one.given) * self._costs.request)
            one.given = []

    def _end(self, one: _Worker) -> None:
        self.answered += one.at_work
        self.done += [self._now] * len(one.at_work)
        one.at_work, one.is_busy = [], False
        self._give()
        self._begin(one)
