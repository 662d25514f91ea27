"""Slow readers: limits on how long an unread answer may wait, and on the memory of all of them.

A connection counts once its unsent bytes exceed the kernel's buffer and 64 KiB. It is reset if its client reads nothing
for `write_seconds`. If together they hold more than `MAX_UNREAD_BYTES`, the one that has waited longest is reset.
"""

import asyncio

from service.http.write_coalescing import GatheredTransport
from service.metrics import Metrics

MAX_UNREAD_BYTES = 32 * 1024 * 1024


class UnreadAnswers:
    """The connections with slow readers, the one that has waited longest first."""

    def __init__(self, write_seconds: float, metrics: Metrics) -> None:
        self._write_seconds = write_seconds
        self._timers: dict[GatheredTransport, asyncio.TimerHandle] = {}
        self._cut_off = metrics.unread
        metrics.unread.make([("slow",), ("full",)])

    def add(self, transport: GatheredTransport) -> None:
        """This client reads too slowly: its buffer is full."""
        self._wait_for(transport)
        while len(self._timers) > 1 and sum(one.unread_bytes() for one in self._timers) > MAX_UNREAD_BYTES:
            self._reset(next(iter(self._timers)), "full")

    def discard(self, transport: GatheredTransport) -> None:
        """This client has caught up or disconnected."""
        if timer := self._timers.pop(transport, None):
            timer.cancel()

    def _wait_for(self, transport: GatheredTransport) -> None:
        loop = asyncio.get_running_loop()
        self._timers[transport] = loop.call_later(
            self._write_seconds, self._look_again, transport, transport.unread_bytes()
        )

    def _look_again(self, transport: GatheredTransport, before: int) -> None:
        if transport.unread_bytes() < before:
            self._wait_for(transport)
        else:
            self._reset(transport, "slow")

    def _reset(self, transport: GatheredTransport, reason: str) -> None:
        self.discard(transport)
        self._cut_off.add(reason)
        transport.abort()
