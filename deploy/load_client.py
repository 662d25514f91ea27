"""HTTP load from one thread: many connections, prepared requests, and the status, bytes and times of each answer.

Benchmarks, faults and rehearsals share it. It uses plain sockets and one selector, because a client must be faster than
what it measures: Python's HTTP libraries reach a tenth of the rate that bare uvicorn serves. The caller sets the pace:

    closed loop   send again as soon as `poll` returns an answer
    open loop     send whatever is due by now, whether or not earlier requests were answered

Times are `perf_counter` seconds. `due` is when a request should have been sent, so a latency counted from then includes
the time in which no connection was free for it.
"""

import selectors
import socket
from collections.abc import Sequence
from time import perf_counter
from types import TracebackType
from typing import NamedTuple

LOST = 0
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
PIECE = 1 << 20
LENGTH = b"content-length:"
NOTHING = memoryview(b"")


def request_bytes(path: str, body: bytes | None = None, name: str = "") -> bytes:
    """A request as it goes over the wire. `name`: its Idempotency-Key."""
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: service\r\n"
    if body is not None:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    if name:
        head += f"idempotency-key: {name}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


class Exchange(NamedTuple):
    """One request and its answer. `status` LOST: no connection, or it ended without a whole answer."""

    tag: str
    due: float
    sent: float
    done: float
    status: int
    body: bytes

    @property
    def seconds(self) -> float:
        """From when it was due to the last byte of its answer."""
        return self.done - self.due


class Connection:
    """A socket and its request. `unsent`: bytes still to send; `size`: of the whole answer, 0 if unknown."""

    __slots__ = ("due", "is_busy", "is_kept", "received", "sent", "size", "socket", "tag", "unsent", "waits_for")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.waits_for = WRITE
        self.is_busy, self.is_kept = False, True
        self.tag, self.due, self.sent = "", 0.0, 0.0
        self.unsent, self.received, self.size = NOTHING, b"", 0


class LoadClient:
    """Connections to one server, opened as needed, up to `at_most`."""

    def __init__(self, address: tuple[str, int], at_most: int) -> None:
        self._address = address
        self._at_most = at_most
        self._selector = selectors.DefaultSelector()
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._ended: list[Exchange] = []

    def __enter__(self) -> "LoadClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in list(self._open):
            self._close(connection)
        self._selector.close()

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._open) - len(self._idle)

    def send(self, request: bytes, due: float, tag: str = "", *, on_new: bool = False) -> bool:
        """Send on a free connection or a new one. False if there are `at_most` already.

        `on_new`: always use a new connection, and close it after the answer.
        """
        connection = self._idle.pop() if self._idle and not on_new else self._connect()
        if connection is None:
            return False
        connection.tag, connection.due, connection.sent = tag, due, perf_counter()
        connection.received, connection.size = b"", 0
        connection.is_busy, connection.is_kept = True, not on_new
        connection.unsent = memoryview(request)
        if connection.waits_for == READ:
            self._write(connection)
        return True

    def poll(self, seconds: float) -> Sequence[Exchange]:
        """The exchanges that have ended; waits up to this long for one."""
        for key, events in self._selector.select(0 if self._ended else seconds):
            connection: Connection = key.data
            if events & WRITE:
                self._write(connection)
            if events & READ and connection in self._open:
                self._read(connection)
        ended, self._ended = self._ended, []
        return ended

    def give_up(self, before: float) -> None:
        """End as LOST each request that was sent before then and has no answer."""
        for connection in [one for one in self._open if one.is_busy and one.sent < before]:
            self._end(connection, LOST, b"no answer in time")

    def _connect(self) -> Connection | None:
        if len(self._open) >= self._at_most:
            return None
        opened = socket.socket()
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Success or failure shows at the first write.
        opened.connect_ex(self._address)
        connection = Connection(opened)
        self._open.add(connection)
        self._selector.register(opened, WRITE, connection)
        return connection

    def _write(self, connection: Connection) -> None:
        try:
            done = connection.socket.send(connection.unsent)
        except BlockingIOError:
            done = 0
        except OSError as error:
            self._end(connection, LOST, str(error).encode())
            return
        connection.unsent = connection.unsent[done:] if done < len(connection.unsent) else NOTHING
        waits_for = READ | WRITE if connection.unsent else READ
        if connection.waits_for != waits_for:
            connection.waits_for = waits_for
            self._selector.modify(connection.socket, waits_for, connection)

    def _read(self, connection: Connection) -> None:
        try:
            piece = connection.socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end(connection, LOST, b"the connection was closed without an answer")
            return
        received = connection.received = connection.received + piece if connection.received else piece
        size = connection.size = connection.size or size_of(received)
        if size and len(received) >= size:
            self._end(connection, int(received[9:12]), received)

    def _end(self, connection: Connection, status: int, answer: bytes) -> None:
        if not connection.is_busy:  # the server closed a connection on which nothing was asked
            self._idle.remove(connection)
            self._close(connection)
            return
        connection.is_busy = False
        done = perf_counter()
        head, _, body = answer.partition(b"\r\n\r\n") if status else (b"", b"", answer)
        self._ended.append(Exchange(connection.tag, connection.due, connection.sent, done, status, body))
        if connection.is_kept and status and not connection.unsent and b"\r\nconnection: close" not in head.lower():
            self._idle.append(connection)
        else:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket)
        self._open.remove(connection)
        connection.socket.close()


def size_of(received: bytes) -> int:
    """Bytes of the whole answer, or 0 while its headers are not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = received[:end].lower()
    at = head.find(LENGTH)
    length = int(head[at + len(LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0
    return end + 4 + length
