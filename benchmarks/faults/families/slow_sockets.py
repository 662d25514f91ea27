"""Slow clients: 500 sockets that send nothing, or headers or bodies byte by byte, while others are served.

With the service's default deadlines all of them must be closed within 10 s, and other clients must not be slowed.
"""

import select
import socket
from pathlib import Path
from time import perf_counter

from benchmarks.faults.figure import Figure, all_of, at_most, note, quantile
from benchmarks.faults.service_under_test import RunningService, running_service
from deploy.load_client import Exchange, LoadClient, request_bytes
from testbed.hostile import GOOD
from testbed.served_folders import write_folder

SOCKETS = 500
CLOSED_WITHIN_SECONDS = 10.0
# The interval between two bytes of each slow client, so that it is never silent.
DRIP_SECONDS = 0.5
OTHERS_A_SECOND = 500
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "headers, dripping": HEAD + b"X-Slow: ",
    "a body, dripping": HEAD + b"Content-Length: 300\r\n\r\n{",
    "chunks, dripping": HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\n",
    "nothing": b"",
}


class SlowClients:
    """Sockets that never finish their requests."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._poll = select.epoll()
        self.open: dict[int, tuple[socket.socket, bytes]] = {}
        self.seconds: list[float] = []
        self._opened: dict[int, float] = {}
        self._drip_at = 0.0
        for number in range(SOCKETS):
            beginning = list(BEGINNINGS.values())[number % len(BEGINNINGS)]
            opened = socket.create_connection(address)
            opened.sendall(beginning)
            opened.setblocking(False)
            self.open[opened.fileno()] = opened, beginning
            self._opened[opened.fileno()] = perf_counter()
            self._poll.register(opened.fileno(), select.EPOLLIN)

    def step(self) -> None:
        """Send the bytes that are due, and note which sockets were closed."""
        if perf_counter() >= self._drip_at:
            self._drip_at = perf_counter() + DRIP_SECONDS
            for opened, beginning in self.open.values():
                if beginning:
                    _try(opened.send, b"a")
        for number, _ in self._poll.poll(0):
            # The refusal comes first, then the close.
            while piece := _try(self.open[number][0].recv, 65_536):
                if piece is BUSY:
                    break
            else:
                self._closed(number)

    def _closed(self, number: int) -> None:
        self.seconds.append(perf_counter() - self._opened[number])
        self._poll.unregister(number)
        self.open.pop(number)[0].close()


BUSY = b"busy"


def _try(call: "object", argument: bytes | int) -> bytes:
    """The result of a socket's call: BUSY if it would block, empty if the connection ended."""
    assert callable(call)
    try:
        result = call(argument)
    except BlockingIOError:
        return BUSY
    except OSError:
        return b""
    return result if isinstance(result, bytes) else BUSY


def run(folder: Path) -> list[Figure]:
    """Open all slow sockets, and send other requests at a steady rate until the last is closed."""
    with running_service(write_folder(folder / "model"), folder / "log") as service:
        slow, others = beside_each_other(service)
    seconds = [one.seconds for one in others]
    return [
        all_of("slow sockets closed", len(slow.seconds), SOCKETS, "sockets"),
        at_most("until the last of them was closed", max(slow.seconds, default=0), CLOSED_WITHIN_SECONDS, " s"),
        all_of(
            "other clients' requests answered 200", sum(one.status == 200 for one in others), len(others), "requests"
        ),
        note(f"their p99 at {OTHERS_A_SECOND} requests/s", f"{quantile(seconds, 0.99) * 1000:.1f} ms"),
    ]


def beside_each_other(service: RunningService) -> tuple[SlowClients, list[Exchange]]:
    """The slow clients, and the results of the others' requests."""
    request = request_bytes("/predict", GOOD)
    others: list[Exchange] = []
    with LoadClient(service.address, at_most=64) as client:
        slow = SlowClients(service.address)
        started, sent = perf_counter(), 0
        while slow.open and perf_counter() - started < 2 * CLOSED_WITHIN_SECONDS:
            due = started + sent / OTHERS_A_SECOND
            if perf_counter() >= due and client.send(request, due):
                sent += 1
            others += client.poll(0.001)
            slow.step()
        while client.waiting:
            others += client.poll(1)
    return slow, others
