"""The two replicas of one side: created, started, checked, stopped and kept for a rollback."""

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
    """A replica of the new version ended, or never became ready. The text has its last log lines."""


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
        """Create and start both, with compose.yaml's limits. Those that run this image already are not touched."""
        self._up(image, "--detach")

    def create(self, image: str) -> None:
        """Create both without starting them."""
        self._up(image, "--no-start")

    def start_existing(self, *services: str) -> None:
        """Start created or stopped containers; both if none is named."""
        docker("start", *(self.host.name(one) for one in services or self.services))

    def run(self, image: str) -> bool:
        """Whether both run this image."""
        return self.are_kept(image) and all(_is_running(one) for one in self.inspect().values())

    def are_kept(self, image: str) -> bool:
        """Whether both containers of this image exist, running or not. `image`: by digest, so the name is enough."""
        found = self.inspect()
        return len(found) == 2 and all(one["Config"]["Image"] == image for one in found.values())

    def wait_until_ready(self, seconds: float, check: Callable[[], None], *services: str) -> None:
        """Wait until /readyz of each answers 200 at its port; of both if none is named.

        Raises ReplicaError after `seconds`, and whatever `check` raises.
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
        """Each replica's address on the edge's network, by its name."""
        network = f"{self.host.project}_inside"
        found = self.inspect()
        return {one: f"{found[one]['NetworkSettings']['Networks'][network]['IPAddress']}:{PORT}" for one in found}

    def give_full_cpu(self) -> None:
        """Give them the same CPU shares as the replicas that serve."""
        docker("update", "--cpu-shares", SERVING_CPU_SHARES, *(self.host.name(one) for one in self.services))

    def check_running(self, *services: str) -> None:
        """Raises ReplicaError if one has ended or was restarted; checks both if none is named."""
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
        """Stop those that run, after the edge sends them no traffic. The second signal skips their drain delay."""
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
    """The replicas' `instance` labels in Prometheus."""
    return [f"{one}:{PORT}" for one in services]


def series_of(services: Iterable[str]) -> str:
    """The label matcher of the replicas' series in Prometheus."""
    return f'instance=~"{"|".join(instances(services))}"'


def targets(services: Sequence[str]) -> bytes:
    """Prometheus' targets.json for these replicas."""
    return json.dumps([{"targets": instances(services)}]).encode()
