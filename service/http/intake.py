"""Reads what arrives on a connection: the head of a request first, and of a body that nobody wants nothing.

Under overload most requests are refused by their heads. To copy their bodies out of the kernel only to skip them took
half of what refusing costs, and pushed the bodies that wait for their turn out of the processor's cache
(docs/faults.md). So a first read has room for a head alone, and what follows a refusal is dropped where it is.
"""

import asyncio
import socket
from typing import Any, Protocol

# Most heads, and most single rows whole. A head may be larger (protocol.py): it is then read in several pieces.
HEAD_BYTES = 4 * 1024
PIECE_BYTES = 256 * 1024
# Linux drops what MSG_TRUNC asks for without copying it (tcp(7)); elsewhere it is read.
_DROP = int(socket.MSG_TRUNC | socket.MSG_DONTWAIT)


class Room:
    """What all connections of one event loop read into, one after the other: none keeps anything there."""

    def __init__(self) -> None:
        self.piece = memoryview(bytearray(PIECE_BYTES))
        self.head = self.piece[:HEAD_BYTES]

    def drop(self, transport: asyncio.BaseTransport, length: int) -> int:
        """Throw away what has arrived already of the next `length` bytes; how much that was."""
        # The transport keeps the socket: this is another name for it, given back unclosed.
        number = transport.get_extra_info("socket").fileno()
        same = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, number)
        dropped = 0
        try:
            while dropped < length:
                done = same.recv_into(self.piece, min(length - dropped, PIECE_BYTES), _DROP)
                if not done:
                    break
                dropped += done
        except OSError:  # nothing more is there, or the client is gone: the transport will see that, too
            pass
        finally:
            same.detach()
        return dropped


class Reader(Protocol):
    """Who takes what was read: an asyncio.Protocol. `reads_into`: where the next goes, the room's `head` or `piece`."""

    reads_into: memoryview

    def connection_made(self, transport: Any) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Intake(asyncio.BufferedProtocol):
    """One connection, as the event loop sees it: `reader` is told of everything."""

    def __init__(self, reader: Reader, room: Room) -> None:
        self._reader = reader
        self._take = reader.data_received
        self._piece = room.piece

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._reader.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 — asyncio's signature; a read fills what it is given
        """Where the next bytes go."""
        return self._reader.reads_into

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes are there."""
        self._take(bytes(self._piece[:nbytes]))

    def eof_received(self) -> bool | None:
        return self._reader.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._reader.connection_lost(exc)

    def pause_writing(self) -> None:
        self._reader.pause_writing()

    def resume_writing(self) -> None:
        self._reader.resume_writing()
