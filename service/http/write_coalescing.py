"""Answers that are ready together are sent together, at the end of the event loop's turn.

A loop that serves many connections computes many answers in one turn. Sending each at once goes through the kernel and
wakes the client in between, which costs more than the computing: sent together they took a tenth off each request's
CPU at 16 connections (docs/benchmarks.md). An answer that is alone is sent at once, but its head waits for its body: a
process that is killed has then answered or not, and an edge can ask another replica.
"""

import asyncio
from collections.abc import Sized
from typing import Any

_HEAD = b"HTTP/1."


class Outbox:
    """What waits for the end of the turn. `tasks`: the requests at work, the one that writes included."""

    def __init__(self) -> None:
        self.tasks: Sized = ()
        self._waiting: list[GatheredTransport] = []

    def add(self, transport: "GatheredTransport") -> None:
        """Send what this transport holds when the turn ends."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(transport)

    def flush(self) -> None:
        """Send everything now."""
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


class GatheredTransport(asyncio.Transport):
    """A connection whose writes wait: heads for what follows, all for the end of the turn while others are at work."""

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        super().__init__()
        self._transport = transport
        self._outbox = outbox
        self._held: list[bytes] = []
        # uvicorn asks them for every request: the transport's own, without a call in between.
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]

    def write(self, data: bytes) -> None:  # type: ignore[override]  # bytes are all that uvicorn writes
        """Send now if nothing else is at work, with all that waits; else, and a head, at the end of the turn."""
        waits = len(self._outbox.tasks) > 1 or data.startswith(_HEAD)
        if waits and not self._held:
            self._outbox.add(self)
        self._held.append(data)
        if not waits:
            self._outbox.flush()
            self.flush()

    def flush(self) -> None:
        """Send what is held, unless the client is gone: that must not keep the others from their answers."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is unsent."""
        self._held.clear()
        self._transport.abort()

    def unread_bytes(self) -> int:
        """How much waits for the client to read."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._held))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the connection itself."""
        return self._transport.get_extra_info(name, default)
