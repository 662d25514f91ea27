"""The host, reached only through its container engine: DOCKER_HOST may be ssh://user@host.

Ports there are not published, so connections are opened from inside the edge's container.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.release import Side
from deploy.engine import EngineError, docker, docker_bytes

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE_FILES = (CHECKOUT / "compose.yaml", CHECKOUT / "deploy" / "rollout" / "target.yaml")
SIDES: dict[Side, tuple[str, str]] = {"blue": ("replica-1", "replica-2"), "green": ("replica-3", "replica-4")}
OTHER: dict[Side, Side] = {"blue": "green", "green": "blue"}
IMAGE_VARIABLE: dict[Side, str] = {"blue": "IMAGE", "green": "OTHER_IMAGE"}
PORT = 8000
EXCHANGE_SECONDS = 20.0
# netcat in bash, the only tool that the edge's image has: sends standard input, then prints the whole answer.
EXCHANGE = 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && exec timeout "$2" cat <&3'


@dataclass(frozen=True)
class SentFile:
    """One file for a volume. `owner`: the only user id that may read it; None: everyone may."""

    path: str
    content: bytes
    owner: int | None = None


@dataclass(frozen=True)
class Host:
    """One stack on one engine. `project`: Docker Compose's name for it."""

    project: str = "gatehouse"
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def name(self, service: str) -> str:
        """The container of a service."""
        return f"{self.project}-{service}-1"

    def volume(self, name: str) -> str:
        return f"{self.project}_{name}"

    def compose(self, *arguments: str, images: Mapping[Side, str] | None = None) -> str:
        """Run `docker compose …` with both files. Raises EngineError."""
        files = [part for path in COMPOSE_FILES for part in ("--file", str(path))]
        # Compose requires these variables even if it starts nothing that uses them.
        required = {"IMAGE": "none", "OTHER_IMAGE": "none", "GRAFANA_PASSWORD": "unused", **self.environment}
        required |= {IMAGE_VARIABLE[side]: image for side, image in (images or {}).items()}
        required |= {"COMPOSE_PROJECT_NAME": self.project}
        said = docker_bytes("compose", *files, "--progress=quiet", *arguments, environment=required)
        return said.decode().strip()

    def edge_image(self) -> str:
        """The edge's image, which every host has or pulls first. The lock and the reader of state.json run it, too."""
        found = self.inspect(["edge"])
        if found:
            return str(found["edge"]["Config"]["Image"])
        return str(json.loads(self.compose("config", "--format=json"))["services"]["edge"]["image"])

    def inspect(self, services: Iterable[str]) -> dict[str, dict[str, Any]]:
        """`docker inspect` of each service's container, without those that do not exist."""
        names = {f"/{self.name(one)}": one for one in services}
        found = docker(
            "ps", "--all", "--quiet", "--no-trunc", f"--filter=label=com.docker.compose.project={self.project}"
        )
        if not found:
            return {}
        described = json.loads(docker("inspect", *found.split()))
        return {names[one["Name"]]: one for one in described if one["Name"] in names}

    def exchange(self, place: str, port: int, sent: bytes, seconds: float = EXCHANGE_SECONDS) -> bytes:
        """Connect from inside the edge's container, send, and return everything received until the connection closes.

        Raises EngineError if nothing listens, or the connection does not close in time.
        """
        try:
            return docker_bytes(
                "exec", "--interactive", self.name("edge"), "bash", "-c", EXCHANGE, place, str(port), f"{seconds:g}",
                stdin=sent, seconds=seconds + EXCHANGE_SECONDS,
            )  # fmt: skip
        except EngineError as error:
            raise EngineError(f"{place}:{port} gave no whole answer ({error})") from None


def tar_of(files: Iterable[SentFile]) -> bytes:
    """The archive that `docker cp - container:/place` unpacks."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.size = len(file.content)
            # Readable by its user, and by group 0: some builds of these images run as root without capabilities.
            entry.mode = 0o644 if file.owner is None else 0o440
            entry.uid = file.owner or 0
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()
