"""Many HTTP connections from one thread, cheap enough that the client is not what is measured.

Requests are bytes that were made before; an answer is a status and its bytes. Times are `perf_counter` seconds, and a
latency counts from the moment at which a request was due, not from when a connection was free for it.
"""

import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType

LOST = 0
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT
_PIECE = 1 << 18


def request_bytes(path: str, body: bytes | None = None, name: str = "") -> bytes:
    """A request as it goes over the wire. `name`: its Idempotency-Key."""
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: service\r\n"
    if body is not None:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    if name:
        head += f"idempotency-key: {name}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it. `status` LOST: the connection ended without a whole answer."""

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


class _Connection:
    __slots__ = ("asked", "due", "is_choked", "rest", "room", "sent", "socket", "tag", "text")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.asked = self.is_choked = False
        self.tag = ""
        self.due = self.sent = 0.0
        self.rest: memoryview = memoryview(b"")
        self.text = b""
        self.room = 0


class Wire:
    """Connections to one service, opened as they are needed, at most so many."""

    def __init__(self, address: tuple[str, int], at_most: int) -> None:
        self._address = address
        self._room = at_most
        self._epoll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._ended: list[Exchange] = []
        self.refused_connections = 0

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in list(self._open.values()):
            self._close(connection)
        self._epoll.close()

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._open) - len(self._idle)

    def send(self, request: bytes, due: float, tag: str = "") -> bool:
        """Send on a free connection or on a new one. False where there is no room for another."""
        connection = self._idle.pop() if self._idle else self._connect()
        if connection is None:
            return False
        connection.tag, connection.due, connection.sent = tag, due, perf_counter()
        connection.text, connection.room, connection.asked = b"", 0, True
        connection.rest = memoryview(request)
        self._write(connection)
        return True

    def poll(self, seconds: float) -> Sequence[Exchange]:
        """What ended until now, or within so many seconds."""
        if self._ended:
            seconds = 0
        for number, event in self._epoll.poll(seconds):
            connection = self._open.get(number)
            if connection is None:
                continue
            if event & _WRITE and connection.rest:
                self._write(connection)
            if event & ~_WRITE and number in self._open:
                self._read(connection)
        ended, self._ended = self._ended, []
        return ended

    def _connect(self) -> _Connection | None:
        if len(self._open) >= self._room:
            return None
        opened = socket.socket()
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            opened.connect(self._address)
        except OSError:
            opened.close()
            self.refused_connections += 1
            return None
        opened.setblocking(False)
        connection = _Connection(opened)
        self._open[opened.fileno()] = connection
        self._epoll.register(opened.fileno(), _READ)
        return connection

    def _write(self, connection: _Connection) -> None:
        try:
            done = connection.socket.send(connection.rest)
        except BlockingIOError:
            done = 0
        except OSError:
            self._end(connection, LOST, b"")
            return
        connection.rest = connection.rest[done:]
        if connection.is_choked != bool(connection.rest):
            connection.is_choked = bool(connection.rest)
            self._epoll.modify(connection.socket.fileno(), _READ | _WRITE if connection.is_choked else _READ)

    def _read(self, connection: _Connection) -> None:
        try:
            piece = connection.socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end(connection, LOST, b"")
            return
        text = connection.text = connection.text + piece
        if not connection.room:
            connection.room = _length_of(text)
        if connection.room and len(text) >= connection.room:
            self._end(connection, int(text[9:12]), text)

    def _end(self, connection: _Connection, status: int, text: bytes) -> None:
        if not connection.asked:  # the service closed a connection that nothing was asked on
            self._idle.remove(connection)
            self._close(connection)
            return
        connection.asked = False
        head, _, body = text.partition(b"\r\n\r\n")
        self._ended.append(Exchange(connection.tag, connection.due, connection.sent, perf_counter(), status, body))
        if status == LOST or connection.rest or b"\r\nconnection: close" in head:
            self._close(connection)
        else:
            self._idle.append(connection)

    def _close(self, connection: _Connection) -> None:
        number = connection.socket.fileno()
        self._epoll.unregister(number)
        del self._open[number]
        connection.socket.close()


def _length_of(text: bytes) -> int:
    """Bytes of the whole answer, or 0 while its headers are not whole."""
    end = text.find(b"\r\n\r\n")
    if end < 0:
        return 0
    at = text.find(b"content-length: ", 0, end)
    length = int(text[at + 16 : text.find(b"\r\n", at)]) if at >= 0 else 0
    return end + 4 + length
