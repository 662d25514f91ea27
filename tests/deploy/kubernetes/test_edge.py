"""Compose's haproxy.cfg as the edge of a cluster runs it, in a real HAProxy whose DNS lists no pod yet."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.release import Side
from deploy.host.edge import BACKEND, Edge, state_commands
from deploy.kubernetes.edges import places
from testbed.programs import ROOT, answers, eventually, free_port, program, running, status_of

PODS = 3
# The columns of `show servers state`; out by a command, or as `disabled` in the file.
ADMIN_STATE, WEIGHT = 6, 7
TAKEN_OUT = 0x01


@dataclass(frozen=True)
class Here:
    """HAProxy on this machine, under another port."""

    port: int

    def exchange(self, place: str, _port: int, sent: bytes) -> bytes:
        with socket.create_connection((place, self.port), timeout=5) as opened:
            opened.sendall(sent)
            return b"".join(iter(lambda: opened.recv(65_536), b""))


@contextmanager
def edge(folder: Path, live: str | None) -> Iterator[tuple[Edge, str]]:
    """The edge, and its page for probes. `live`: as the ConfigMap says it; None where there is none."""
    admin, inside, port = free_port(), free_port(), free_port()
    environment = {
        "EDGE_PODS": str(PODS), "EDGE_DOMAIN": "nowhere.svc.cluster.invalid", "EDGE_ADMIN": f"127.0.0.1:{admin}",
        "EDGE_BIND": f"127.0.0.1:{port}", "EDGE_INSIDE_BIND": f"127.0.0.1:{inside}",
    } | ({"LIVE": live} if live else {})  # fmt: skip
    command = (program("haproxy"), "-W", "-db", "-f", ROOT / "deploy" / "edge" / "haproxy.cfg")
    with running(command, folder / "edge.log", environment):
        made, url = Edge(Here(admin)), f"http://127.0.0.1:{inside}"
        eventually(lambda: answers(f"{url}/livez"), "the edge runs")
        yield made, url


def states(made: Edge) -> dict[str, list[str]]:
    rows = [line.split() for line in made.say(f"show servers state {BACKEND}").splitlines() if f" {BACKEND} " in line]
    return {row[3]: row for row in rows}


def may_serve(made: Edge) -> set[str]:
    """The servers that a pod's address would bring into service: those that are not taken out."""
    return {name for name, row in states(made).items() if not int(row[ADMIN_STATE]) & TAKEN_OUT}


@pytest.mark.parametrize(("live", "side"), [("blue", "blue"), ("green", "green"), ("none", None), (None, None)])
def test_an_edge_that_starts_serves_the_live_side_alone(tmp_path: Path, live: str | None, side: Side | None) -> None:
    with edge(tmp_path, live) as (made, _):
        servers = made.servers()
        assert len(servers) == 4 * PODS
        assert may_serve(made) == set(places(servers, side) if side else ())


def test_a_side_without_pods_takes_shares_and_states_for_those_that_come(tmp_path: Path) -> None:
    with edge(tmp_path, "blue") as (made, _):
        servers = made.servers()
        made.say(
            *state_commands(places(servers, "green"), "ready", 20),
            *state_commands(places(servers, "blue"), "drain"),
            *state_commands(places(servers, "blue", "backup-"), "ready"),
        )
        now = states(made)
        assert {now[one][WEIGHT] for one in places(now, "green")} == {"20"}
        assert may_serve(made) == {*places(now, "green"), *places(now, "blue"), *places(now, "blue", "backup-")}


def test_an_edge_without_a_pod_is_not_ready(tmp_path: Path) -> None:
    with edge(tmp_path, "blue") as (_, url):
        assert status_of(f"{url}/readyz") == 503
