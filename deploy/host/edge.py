"""The edge proxy's runtime API: each replica's share of the traffic, and the state that HAProxy sees it in.

https://docs.haproxy.org/3.0/management.html#9.3. It listens inside the edge's container only.
"""

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from contracts.release import Side
from deploy.engine import EngineError
from deploy.host.machine import OTHER, SIDES

ADMIN_PORT = 9999
BACKEND = "service"
POLL_SECONDS = 0.2
UP_SECONDS = 20.0
Admin = Literal["ready", "drain", "maint"]


class EdgeError(EngineError):
    """HAProxy refused a command, or a replica did not reach the required state."""


@dataclass(frozen=True)
class Server:
    """One line of HAProxy's statistics. `sessions`: its requests in flight."""

    name: str
    status: str
    check: str
    weight: int
    sessions: int
    address: str

    @property
    def is_up(self) -> bool:
        return self.status.startswith("UP") and self.check in ("L7OK", "* L7OK")


def backup_of(replica: str) -> str:
    """The same replica's entry as a backup server, which answers only if no other can."""
    return replica.replace("replica", "backup")


class Place(Protocol):
    """Where HAProxy runs: a host, or a pod."""

    def exchange(self, place: str, port: int, sent: bytes) -> bytes:
        """Connect to a port there, send, and return everything received. Raises EngineError."""


@dataclass(frozen=True)
class Edge:
    """HAProxy's runtime state. A restart loses it, and reads LIVE instead."""

    host: Place

    def say(self, *commands: str) -> str:
        """Send commands and return the answer. Raises EdgeError if a `set` is answered: then it was refused."""
        answer = self.host.exchange("127.0.0.1", ADMIN_PORT, ("; ".join(commands) + "\n").encode()).decode()
        if commands[0].startswith("set ") and answer.strip():
            raise EdgeError(f"HAProxy answered {' '.join(answer.split())!r} to `{'; '.join(commands)}`.")
        return answer

    def servers(self) -> dict[str, Server]:
        """Every server by its name."""
        return parse_servers(self.say(f"show stat {BACKEND} 4 -1"))

    def set_state(self, replicas: Iterable[str], state: Admin, weight: int | None = None) -> None:
        """Put servers into a state. The weight is set first, because a ready server gets traffic at once."""
        self.say(*state_commands(replicas, state, weight))

    def share(self, new: Side, percent: int) -> None:
        """Give the new side its share and the other side the rest, in one command."""
        self.say(
            *(f"set server {BACKEND}/{one} weight {percent}" for one in SIDES[new]),
            *(f"set server {BACKEND}/{one} weight {100 - percent}" for one in SIDES[OTHER[new]]),
        )

    def switch(self, new: Side, *, with_backup: bool) -> None:
        """Send all traffic to the new side. `with_backup`: the other side stays as its backup server."""
        backups = [backup_of(one) for one in SIDES[OTHER[new]]]
        self.say(
            *state_commands(SIDES[new], "ready", 100),
            *state_commands(backups, "ready" if with_backup else "maint", None),
            *state_commands(SIDES[OTHER[new]], "drain", None),
        )

    def wait_until_listening(self, seconds: float = UP_SECONDS) -> None:
        """Wait until it accepts commands: it may just have been started."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.servers()
            except EngineError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def wait_until_up(self, wanted: Mapping[str, str], seconds: float = UP_SECONDS) -> None:
        """Wait until HAProxy's health check of each has passed. `wanted`: the address of each, by name.

        Right after `ready` HAProxy says UP before its first check; and a restarted container may have a new address,
        which HAProxy learns up to a second later.
        """

        def against(now: dict[str, Server]) -> list[str]:
            return [
                f"{name} is {now[name].status}/{now[name].check} at {now[name].address or 'no address'}, not {address}"
                for name, address in wanted.items()
                if not now[name].is_up or now[name].address != address
            ]

        self._wait(against, seconds)

    def wait_until_idle(self, names: Iterable[str], seconds: float) -> None:
        """Wait until none of them has a request in flight."""
        wanted = tuple(names)
        self._wait(
            lambda now: [f"{one} has {now[one].sessions} requests" for one in wanted if now[one].sessions], seconds
        )

    def _wait(self, against: Callable[[dict[str, Server]], list[str]], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while found := against(self.servers()):
            if time.monotonic() > deadline:
                raise EdgeError(f"After {seconds:g} s at the edge: {', '.join(found)}.")
            time.sleep(POLL_SECONDS)


def state_commands(names: Iterable[str], state: Admin, weight: int | None = None) -> list[str]:
    """The commands that put servers into a state, the weight first."""
    commands: list[str] = []
    for one in names:
        if weight is not None:
            commands.append(f"set server {BACKEND}/{one} weight {weight}")
        commands.append(f"set server {BACKEND}/{one} state {state}")
    return commands


def parse_servers(answer: str) -> dict[str, Server]:
    """The CSV of `show stat`. Raises EdgeError if it lists no servers."""
    rows = list(csv.DictReader(io.StringIO(answer.lstrip("# \n"))))
    if not rows or "svname" not in rows[0]:
        raise EdgeError(
            f"The edge lists no servers that a deploy could move traffic to; it said {answer.strip()[:200]!r}."
        )
    return {
        row["svname"]: Server(
            name=row["svname"],
            status=row["status"],
            check=row["check_status"],
            weight=int(row["weight"] or 0),
            sessions=int(row["scur"] or 0),
            address=row["addr"],
        )
        for row in rows
    }
