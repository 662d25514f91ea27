"""Sends the framings of testbed/framings.py to the service or to a proxy, and counts what came back."""

import selectors
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from testbed.clients import metric_in
from testbed.framings import HIDDEN_ROUTE, NEXT, Framing

AT_ONCE = 50
SECONDS = 20.0
# In the answer to NEXT.
MODEL_MARK = b'"max_batch_rows"'


@dataclass
class Seen:
    """The answers to framings at one target. `extra`, `unanswered`: their names; `others`: other clients' requests."""

    tried: int = 0
    answers: int = 0
    requests: int = 0
    right: int = 0
    others: int = 0
    extra: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    others_without_theirs: int = 0


def tried(address: tuple[str, int], framings: Iterable[Framing]) -> Seen:
    """Send all; after every few, send another client's request on a new connection."""
    seen = Seen()
    waiting = iter(framings)
    while some := list(islice(waiting, AT_ONCE)):
        for one, answered in _exchanged(address, some):
            count = len(statuses(answered))
            seen.tried += 1
            seen.answers += count
            seen.requests += one.requests
            seen.right += one.is_right
            if count > one.requests:
                seen.extra.append(one.name)
            if one.is_right and count < one.requests:
                seen.unanswered.append(one.name)
        seen.others += 1
        ((_, answered),) = _exchanged(address, [Framing("somebody else", (NEXT,), 1)])
        seen.others_without_theirs += statuses(answered) != [200] or MODEL_MARK not in answered
    return seen


def read_as_requests(exposition: str) -> float:
    """How many bodies the service read as requests, by its /metrics."""
    classes = ("2xx", "3xx", "4xx", "5xx")
    return sum(metric_in(exposition, "requests_total", route=HIDDEN_ROUTE, status=one) for one in classes)


def statuses(answers: bytes) -> list[int]:
    """The status of every answer received, except 100 Continue."""
    found = [int(one[:3]) for one in answers.split(b"HTTP/1.1 ")[1:]]
    return [status for status in found if status >= 200]


def _exchanged(address: tuple[str, int], some: Sequence[Framing]) -> Iterator[tuple[Framing, bytes]]:
    """Each framing with all that was received until its connection closed. They are sent at the same time, so that
    pieces are read one by one."""
    connections = [socket.create_connection(address, timeout=SECONDS) for _ in some]
    for number in range(max(len(one.pieces) for one in some)):
        for connection, one in zip(connections, some, strict=True):
            _send(connection, one.pieces[number : number + 1])
    yield from zip(some, _read(connections), strict=True)


def _send(connection: socket.socket, pieces: Sequence[bytes]) -> None:
    try:
        for piece in pieces:
            connection.sendall(piece)
    except OSError:  # closed by the other side
        pass


def _read(connections: Sequence[socket.socket]) -> list[bytes]:
    answers = dict.fromkeys(connections, b"")
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, connection)
        while selector.get_map():
            ready = selector.select(SECONDS)
            if not ready:
                raise TimeoutError(f"{len(selector.get_map())} connections were neither answered nor closed")
            for key, _ in ready:
                try:
                    piece = key.data.recv(65_536)
                except OSError:
                    piece = b""
                answers[key.data] += piece
                if not piece:
                    selector.unregister(key.data)
                    key.data.close()
    return list(answers.values())
