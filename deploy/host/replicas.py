"""The replicas of one side: started beside the other side, looked after while they are new, stopped and kept."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from contracts.exits import FindingError
from contracts.release import Side
from deploy.engine import EngineError, container_logs, docker
from deploy.host.machine import PORT, SIDES, Host

POLL_SECONDS = 0.25
SERVING_CPU_SHARES = "1024"
LOG_LINES, LOG_CHARACTERS = 5, 600
STOP_SECONDS = "10"
READY_REQUEST = b"GET /readyz HTTP/1.1\r\nHost: deploy\r\nConnection: close\r\n\r\n"


class ReplicaError(FindingError):
    """A replica of the new version ended, or never became ready. The text has its last words."""


@dataclass(frozen=True)
class Replicas:
    """Both replicas of one side."""

    host: Host
    side: Side

    @property
    def services(self) -> tuple[str, str]:
        return SIDES[self.side]

    def inspect(self) -> dict[str, dict[str, Any]]:
        return self.host.inspect(self.services)

    def start(self, image: str) -> None:
        """Make and start both, with compose.yaml's limits. Those that run this image already are left as they are."""
        self._up(image, "--detach")

    def make(self, image: str) -> None:
        """Make both without starting them."""
        self._up(image, "--no-start")

    def start_made(self, *services: str) -> None:
        """Start what was made, or stopped and kept; all where none is named."""
        docker("start", *(self.host.name(one) for one in services or self.services))

    def run(self, image: str) -> bool:
        """Whether both run, of this very image."""
        return self.are_kept(image) and all(_is_running(one) for one in self.inspect().values())

    def are_kept(self, image: str) -> bool:
        """Whether both are there, running or not, made by this name: a digest names one image for ever."""
        found = self.inspect()
        return len(found) == 2 and all(one["Config"]["Image"] == image for one in found.values())

    def wait_until_ready(self, seconds: float, check: Callable[[], None], *services: str) -> None:
        """Until /readyz says 200 at the real port of each; of all where none is named.

        Raises ReplicaError after `seconds`, or as `check` does.
        """
        deadline = time.monotonic() + seconds
        waiting = list(services or self.services)
        while waiting := [one for one in waiting if not self._is_ready(one)]:
            check()
            if time.monotonic() > deadline:
                raise ReplicaError(
                    f"{' and '.join(waiting)} did not become ready within {seconds:g} s (deploy.ready_seconds). "
                    + self._last_words(waiting[0])
                )
            time.sleep(POLL_SECONDS)

    def addresses(self) -> dict[str, str]:
        """Where the edge must find each, by its name there."""
        network = f"{self.host.project}_inside"
        found = self.inspect()
        return {one: f"{found[one]['NetworkSettings']['Networks'][network]['IPAddress']}:{PORT}" for one in found}

    def give_full_cpu(self) -> None:
        """From now on they count as much as those that serve."""
        docker("update", "--cpu-shares", SERVING_CPU_SHARES, *(self.host.name(one) for one in self.services))

    def refuse_the_dead(self, *services: str) -> None:
        """Raises ReplicaError where one has ended, or was started again because it had; any where none is named."""
        found = self.inspect()
        for service in services or self.services:
            one = found.get(service)
            if one is None:
                raise ReplicaError(f"{service} is gone.")
            if one["RestartCount"]:
                raise ReplicaError(f"{service} ended by itself and was started again. {self._last_words(service)}")
            if not _is_running(one):
                code = one["State"]["ExitCode"]
                raise ReplicaError(f"{service} ended by itself (exit code {code}). {self._last_words(service)}")

    def stop(self) -> None:
        """Stop those that run, after the edge has taken them out: the second signal skips their own drain delay."""
        running = [self.host.name(name) for name, one in self.inspect().items() if one["State"]["Running"]]
        if not running:
            return
        with suppress(EngineError):  # it has just ended by itself
            docker("kill", "--signal=TERM", *running)
        docker("stop", "--time", STOP_SECONDS, *running)

    def _up(self, image: str, how: str) -> None:
        self.host.compose(
            "up", how, "--no-deps", "--no-build", "--pull=never", *self.services, images={self.side: image}
        )

    def _is_ready(self, service: str) -> bool:
        try:
            return b" 200 " in self.host.exchange(service, PORT, READY_REQUEST, seconds=5).partition(b"\r\n")[0]
        except EngineError:
            return False

    def _last_words(self, service: str) -> str:
        said = " / ".join(container_logs(self.host.name(service), LOG_LINES).splitlines())[-LOG_CHARACTERS:]
        return f"It said: {said}" if said else "It said nothing."


def _is_running(described: dict[str, Any]) -> bool:
    state = described["State"]
    return bool(state["Running"]) and not state["Restarting"]


def instances(services: Iterable[str]) -> list[str]:
    """As Prometheus knows them."""
    return [f"{one}:{PORT}" for one in services]


def targets(services: Sequence[str]) -> bytes:
    """The file that Prometheus reads its replicas from."""
    return json.dumps([{"targets": instances(services)}]).encode()
