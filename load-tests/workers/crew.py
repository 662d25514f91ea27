"""Decides by the environment where the clients of a load test run, and what a worker must be to take part.

LOAD_WORKERS       so many workers send the load, each a share of the connections; without it one process sends all
LOAD_LISTEN        this machine's address, as `host` or `host:port`, where workers of other machines come in
                   (`make load-worker` there); without it the stage starts the workers itself, on this machine
LOAD_WAIT_SECONDS  how long to wait for them; 120 where it is not set
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from contracts.exits import UsageError
from contracts.schema import Schema

ROOT = Path(__file__).resolve().parents[2]
CODE = ("load-tests", "contracts")
LIBRARIES = ("locust", "gevent", "geventhttpclient")
LOOPBACK, PORT = "127.0.0.1", 5557
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Crew:
    """`number` of workers; 0: one process sends all. `host`, `port`: where they come in; port 0 is a free one."""

    number: int = 0
    host: str = LOOPBACK
    port: int = 0
    wait_seconds: float = WAIT_SECONDS

    @property
    def is_elsewhere(self) -> bool:
        """Whether the workers are started by hand, on machines that reach `host`."""
        return self.port != 0


def crew_of(environment: Mapping[str, str], connections: int) -> Crew:
    """Who sends the load. `connections`: of pipeline.toml. Raises UsageError."""
    listen, number = environment.get("LOAD_LISTEN", ""), environment.get("LOAD_WORKERS", "")
    if not number:
        if listen:
            raise UsageError(
                f"LOAD_LISTEN is {listen!r} and LOAD_WORKERS is not set; required: how many workers will come. Set it, "
                "or unset both to send the load from one process.",
                code="wrong-workers",
            )
        return Crew()
    if not number.isdecimal() or not 1 <= int(number) <= connections:
        raise UsageError(
            f"LOAD_WORKERS is {number!r}; required: a number from 1 to load.connections in pipeline.toml, which is "
            f"{connections}, because each worker has at least one of the connections.",
            code="wrong-workers",
        )
    host, port = address_of(listen, "LOAD_LISTEN") if listen else (LOOPBACK, 0)
    return Crew(int(number), host, port, _wait_seconds(environment))


def address_of(text: str, name: str) -> tuple[str, int]:
    """Host and port of `host` or `host:port`. `name`: the variable that has it. Raises UsageError."""
    host, _, port = text.partition(":")
    if not host or (port and not port.isdecimal()) or _is_every_address(host):
        raise UsageError(
            f"{name} is {text!r}; required: one address of the load test's machine that the workers reach, as "
            f"10.0.0.5 or 10.0.0.5:{PORT}. The services listen there, too.",
            code="wrong-address",
        )
    return host, int(port or PORT)


def connections_of(number: int, workers: int, connections: int) -> range:
    """Which connections of a plan worker `number` has: each connection is at one worker."""
    return range(number, connections, workers)


class Hello(Schema):
    """What a worker says of itself first. `versions`: what its figures depend on."""

    name: str
    versions: dict[str, str]


def load_versions() -> dict[str, str]:
    """The libraries that send, and the digest of our own code: all workers must have the same."""
    code = hashlib.sha256()
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            code.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return {name: version(name) for name in LIBRARIES} | {"code of " + ", ".join(CODE): code.hexdigest()[:12]}


def difference(hello: Hello, required: Mapping[str, str]) -> str:
    """Why a worker may not take part, as a sentence; empty if it may."""
    for name, here in required.items():
        if hello.versions.get(name) != here:
            return (
                f"The worker {hello.name} has {name}: {hello.versions.get(name, 'none')}; required, as the load test "
                f"has: {here}. Check out this commit there, and run `make setup`."
            )
    return ""


def _wait_seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("LOAD_WAIT_SECONDS") or str(WAIT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise UsageError(
            f"LOAD_WAIT_SECONDS is {text!r}; required: seconds above 0, at most a day.", code="wrong-workers"
        )
    return seconds


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
