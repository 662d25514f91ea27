"""A closed loop: each connection sends its next request as soon as its answer is complete; only 200 counts."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter

import numpy as np
import numpy.typing as npt

from deploy.load_client import LoadClient

NO_ANSWER_SECONDS = 30.0


class AnswerError(Exception):
    """A server answered with another status than 200, or not at all."""


@dataclass(frozen=True)
class ClosedLoop:
    """Its results: its length, and the latency of each request, in seconds."""

    seconds: float
    latencies: npt.NDArray[np.float64]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def closed_loop(address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float) -> ClosedLoop:
    """Send `requests` repeatedly over this many connections. Raises AnswerError."""
    latencies: list[float] = []
    following = cycle(requests)
    gc.collect()
    gc.disable()
    try:
        with LoadClient(address, connections) as client:
            began = answered = perf_counter()
            for _ in range(connections):
                client.send(next(following), began)
            while client.waiting:
                for one in client.poll(NO_ANSWER_SECONDS):
                    if one.status != 200:
                        raise AnswerError(f"an answer had status {one.status}: {one.body[:300]!r}")
                    latencies.append(one.done - one.sent)
                    answered = one.done
                    if answered < began + seconds:
                        client.send(next(following), answered)
                if perf_counter() - answered > NO_ANSWER_SECONDS:
                    raise AnswerError(f"no answer for {NO_ANSWER_SECONDS:g} s")
            return ClosedLoop(perf_counter() - began, np.array(latencies))
    finally:
        gc.enable()
