"""A load that records every acknowledgement: single rows, batches, and labels for earlier predictions."""

import json
import re
from collections import deque
from collections.abc import Callable
from time import perf_counter

from deploy.load_client import Exchange, LoadClient, request_bytes
from testbed.hostile import GOOD

LABEL = b""
_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
ONE = request_bytes("/predict", GOOD)


class MixedLoad:
    """Sends the mix over one client and records what was acknowledged."""

    def __init__(self, client: LoadClient, batch_rows: int = 50) -> None:
        self._client = client
        many = request_bytes("/predict/batch", b'{"rows":[' + b",".join([GOOD] * batch_rows) + b"]}")
        # Mostly single rows, but also large writes, which a kill or a full disk can tear.
        self._mix = (ONE, many, ONE, ONE, LABEL)
        self._number = 0
        self._without_label: deque[str] = deque(maxlen=1000)
        self.predictions: set[str] = set()
        self.labels: set[str] = set()
        # Of predictions, and of labels.
        self.statuses: list[int] = []
        self.label_statuses: list[int] = []

    def send(self, due: float) -> bool:
        """Send the next request. False if no connection is free."""
        kind = self._mix[self._number % len(self._mix)]
        tag = ""
        if kind == LABEL:
            kind, tag = self._label() if self._without_label else (ONE, "")
        if not self._client.send(kind, due, tag):
            return False
        self._number += 1
        return True

    def _label(self) -> tuple[bytes, str]:
        identity = self._without_label.popleft()
        return request_bytes("/feedback", b'{"labels":[{"id":"%b","actual":"yes"}]}' % identity.encode()), identity

    def take(self, exchange: Exchange) -> None:
        """Record what this answer acknowledged."""
        (self.label_statuses if exchange.tag else self.statuses).append(exchange.status)
        if exchange.status == 200:
            identities = [one.decode() for one in _ID.findall(exchange.body)]
            self.predictions.update(identities)
            self._without_label.append(identities[-1])
        elif exchange.status == 202 and json.loads(exchange.body)["outcomes"] == ["recorded"]:
            self.labels.add(exchange.tag)

    def keep_busy(self, connections: int, until: Callable[[], bool]) -> None:
        """A closed loop: each connection sends again as soon as it is answered."""
        for _ in range(connections):
            self.send(perf_counter())
        while not until():
            for exchange in self._client.poll(0.01):
                self.take(exchange)
                self.send(perf_counter())

    def drain(self, seconds: float) -> None:
        """Wait for outstanding answers."""
        until = perf_counter() + seconds
        while self._client.waiting and perf_counter() < until:
            for exchange in self._client.poll(0.05):
                self.take(exchange)
