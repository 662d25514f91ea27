"""A client in a closed loop: each connection sends its next request as soon as its answer is whole.

Plain sockets and one epoll, because a client must be quicker than what it measures: an HTTP library of Python answers
to a tenth of what bare uvicorn serves. Every answer is checked for its status and read to its declared end.
"""

import contextlib
import gc
import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

PIECE = 1024 * 1024
OK = b"HTTP/1.1 200 "
END_OF_HEADERS = b"\r\n\r\n"
LENGTH = b"content-length: "
NO_ANSWER_SECONDS = 30.0


class AnswerError(Exception):
    """A server gave something else than 200, or nothing."""


@dataclass(frozen=True)
class Load:
    """What one run saw: its length, and the latency of each request."""

    seconds: float
    latencies_ns: npt.NDArray[np.int64]

    @property
    def per_second(self) -> float:
        return len(self.latencies_ns) / self.seconds


def load(address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Send `requests`, again and again, over so many connections. Raises AnswerError and OSError."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_connection(address)) for _ in range(connections)]
        for one in sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.callback(gc.enable)
        gc.collect()
        gc.disable()
        return _loop(sockets, requests, seconds)


def _loop(sockets: Sequence[socket.socket], requests: Sequence[bytes], seconds: float) -> Load:
    poll = select.epoll()
    receive = {one.fileno(): one.recv for one in sockets}
    send = {one.fileno(): one.sendall for one in sockets}
    rest = dict.fromkeys(receive, 0)
    sent = {}
    latencies: list[int] = []
    position = 0
    began = perf_counter_ns()
    end = began + int(seconds * 1e9)
    for place in receive:
        poll.register(place, select.EPOLLIN)
        sent[place] = perf_counter_ns()
        send[place](requests[position % len(requests)])
        position += 1
    count, waiting = len(requests), len(sockets)
    while waiting:
        ready = poll.poll(NO_ANSWER_SECONDS)
        if not ready:
            raise AnswerError(f"no answer for {NO_ANSWER_SECONDS:g} s")
        for place, _ in ready:
            data = receive[place](PIECE)
            missing = rest[place] - len(data) if rest[place] else _missing(data)
            if missing:
                if not data:
                    raise AnswerError("the server closed a connection")
                rest[place] = missing
                continue
            rest[place] = 0
            now = perf_counter_ns()
            latencies.append(now - sent[place])
            if now >= end:
                waiting -= 1
                continue
            sent[place] = now
            send[place](requests[position % count])
            position += 1
    poll.close()
    return Load((perf_counter_ns() - began) / 1e9, np.array(latencies))


def _missing(data: bytes) -> int:
    """The bytes of an answer that are still to come. Raises AnswerError."""
    if not data.startswith(OK):
        raise AnswerError(f"an answer began with {data[:300]!r}")
    head = data.index(END_OF_HEADERS)
    place = data.index(LENGTH, 0, head) + len(LENGTH)
    length = int(data[place : data.index(b"\r", place)])
    return head + len(END_OF_HEADERS) + length - len(data)
