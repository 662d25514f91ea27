"""The edge proxy's runtime API: who gets which share of the traffic, and what HAProxy itself thinks of each replica.

https://docs.haproxy.org/3.0/management.html#9.3. It listens inside the edge's container only.
"""

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.release import Side
from deploy.engine import EngineError
from deploy.host.machine import OTHER, SIDES, Host

ADMIN_PORT = 9999
BACKEND = "service"
POLL_SECONDS = 0.2
UP_SECONDS = 20.0
Admin = Literal["ready", "drain", "maint"]


class EdgeError(EngineError):
    """HAProxy refused a command, or a replica did not become what it was told to be."""


@dataclass(frozen=True)
class Server:
    """One line of HAProxy's statistics. `sessions`: requests under way there."""

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
    """The same replica as a backup: it answers where no other does."""
    return replica.replace("replica", "backup")


@dataclass(frozen=True)
class Edge:
    """HAProxy, at runtime. Nothing here survives its restart: live.cfg does."""

    host: Host

    def say(self, *commands: str) -> str:
        """Raises EdgeError with HAProxy's words where it answers anything but silence to a `set`."""
        answer = self.host.exchange("127.0.0.1", ADMIN_PORT, ("; ".join(commands) + "\n").encode()).decode()
        if commands[0].startswith("set ") and answer.strip():
            raise EdgeError(f"HAProxy answered {' '.join(answer.split())!r} to `{'; '.join(commands)}`.")
        return answer

    def servers(self) -> dict[str, Server]:
        """Every server by its name."""
        return parse_servers(self.say(f"show stat {BACKEND} 4 -1"))

    def tell(self, replicas: Iterable[str], state: Admin, weight: int | None = None) -> None:
        """Put servers into a state. A weight goes first: a server that is ready has traffic at once."""
        self.say(*self._words(replicas, state, weight))

    def share(self, new: Side, percent: int) -> None:
        """Give the new side its share, and the other one the rest, in one breath."""
        self.say(
            *(f"set server {BACKEND}/{one} weight {percent}" for one in SIDES[new]),
            *(f"set server {BACKEND}/{one} weight {100 - percent}" for one in SIDES[OTHER[new]]),
        )

    def switch(self, new: Side, *, with_backup: bool) -> None:
        """All traffic to the new side, none to the other, which stays as its backup where it answers the same."""
        backups = [backup_of(one) for one in SIDES[OTHER[new]]]
        self.say(
            *self._words(SIDES[new], "ready", 100),
            *self._words(backups, "ready" if with_backup else "maint", None),
            *self._words(SIDES[OTHER[new]], "drain", None),
        )

    def wait_until_listening(self, seconds: float = UP_SECONDS) -> None:
        """Until it takes commands: it may just have been started."""
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
        """Until HAProxy's own check of each has succeeded, at the address given by its name.

        Right after `ready` it says UP without having looked; and a container that was started again may have got the
        address of another one, which HAProxy learns up to a second later.
        """

        def against(now: dict[str, Server]) -> list[str]:
            return [
                f"{name} is {now[name].status}/{now[name].check} at {now[name].address or 'no address'}, not {address}"
                for name, address in wanted.items()
                if not now[name].is_up or now[name].address != address
            ]

        self._wait(against, seconds)

    def wait_until_idle(self, names: Iterable[str], seconds: float) -> None:
        """Until no request is under way at any of them."""
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

    def _words(self, names: Iterable[str], state: Admin, weight: int | None) -> list[str]:
        words: list[str] = []
        for one in names:
            if weight is not None:
                words.append(f"set server {BACKEND}/{one} weight {weight}")
            words.append(f"set server {BACKEND}/{one} state {state}")
        return words


def parse_servers(answer: str) -> dict[str, Server]:
    """`show stat` in CSV. Raises EdgeError where it is none."""
    rows = list(csv.DictReader(io.StringIO(answer.lstrip("# \n"))))
    if not rows or "svname" not in rows[0]:
        raise EdgeError(
            f"The edge has no servers that a deploy could move traffic to; it said {answer.strip()[:200]!r}."
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
