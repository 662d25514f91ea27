"""The edge's pods, each of them the HAProxy of deploy/host/edge.py: what one is told, all are told.

A side has places there, which the cluster's DNS fills with its pods, and as many again as backup servers
(deploy/edge/haproxy.cfg). An edge that starts sends everything to the side in the ConfigMap `service-live`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kubernetes import client

from contracts.release import Side
from deploy.engine import EngineError
from deploy.host.edge import BACKEND, Edge, EdgeError, Server, state_commands
from deploy.host.machine import OTHER, PORT
from deploy.kubernetes.cluster import Cluster, ClusterError
from deploy.kubernetes.manifests import EDGE, NAME_LABEL, Document

LIVE = "service-live"
POLL_SECONDS = 0.25
# A cluster's DNS may say for half a minute what was so before.
NAMES_SECONDS = 60.0
STARTING_SECONDS = 10.0
LARGEST_WEIGHT = 256
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PodPlace:
    """One pod of the edge, reached through a port-forward."""

    cluster: Cluster
    pod: str

    def exchange(self, _place: str, port: int, sent: bytes) -> bytes:
        return self.cluster.exchange(self.pod, port, sent)


@dataclass(frozen=True)
class Edges:
    """All of the edge's pods that run."""

    cluster: Cluster

    def live_document(self, side: Side | None) -> Document:
        """The ConfigMap that says where an edge that starts sends everything."""
        metadata = {"name": LIVE, "namespace": self.cluster.namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"side": side or "none"}}

    def share(self, new: Side, percent: int) -> None:
        """Give the new side its share of the requests, and the other side the rest, whatever the numbers of pods."""

        def commands(servers: Mapping[str, Server]) -> list[str]:
            counts = [sum(servers[one].is_up for one in places(servers, side)) for side in (new, OTHER[new])]
            weights = dict(zip((new, OTHER[new]), weights_of(percent, *counts), strict=True))
            return [
                f"set server {BACKEND}/{one} weight {weight}"
                for side, weight in weights.items()
                for one in places(servers, side)
            ]

        self._tell(commands)

    def enter(self, side: Side, addresses: Iterable[str], backup: Side | None) -> None:
        """Add these pods without traffic, and wait until every edge's health checks of them have passed.

        `backup`: the side that becomes the backup servers, which answer if no other can.
        """
        self._tell(
            lambda servers: (
                state_commands(places(servers, side), "ready", 0)
                + (state_commands(places(servers, backup, "backup-"), "ready") if backup else [])
            )
        )
        self.wait_until_up(side, addresses)

    def switch(self, new: Side, backup: Side | None) -> None:
        """Send all requests to the new side. `backup`: the other side, if it stays as its backup."""
        other = OTHER[new]
        self._tell(
            lambda servers: [
                *state_commands(places(servers, new), "ready", 100),
                *state_commands(places(servers, other, "backup-"), "ready" if backup else "maint"),
                *state_commands(places(servers, other), "drain"),
            ]
        )

    def serve(self, side: Side) -> None:
        """Send all requests to this side, which has no backup."""
        self._tell(
            lambda servers: [
                *state_commands(places(servers, side), "ready", 100),
                *state_commands(places(servers, side, "backup-"), "maint"),
            ]
        )

    def drain(self, side: Side) -> None:
        """Send this side no new requests."""
        self._tell(lambda servers: state_commands(places(servers, side), "drain"))

    def take_out(self, side: Side) -> None:
        """No requests and no health checks for this side."""
        self._tell(lambda servers: state_commands([*places(servers, side), *places(servers, side, "backup-")], "maint"))

    def are_without(self, side: Side) -> bool:
        """Whether every edge has taken this side out."""
        seen = self._each(Edge.servers)
        return all(one[name].status.startswith("MAINT") for one in seen for name in places(one, side))

    def wait_until_up(self, side: Side, addresses: Iterable[str]) -> None:
        """Wait until every edge's health checks of these pods have passed. Raises EdgeError."""
        wanted = {f"{one}:{PORT}" for one in addresses}

        def late(servers: Mapping[str, Server]) -> list[str]:
            up = {servers[one].address for one in places(servers, side) if servers[one].is_up}
            return [f"{one} is not up" for one in sorted(wanted - up)]

        self._wait(late, NAMES_SECONDS, going=False)

    def wait_until_idle(self, side: Side, seconds: float) -> None:
        """Wait until no edge has a request in flight at this side. Raises EdgeError."""
        self._wait(
            lambda servers: [
                f"{one} has {servers[one].sessions} requests" for one in places(servers, side) if servers[one].sessions
            ],
            seconds,
        )

    def wait_until_listening(self, seconds: float, check: Callable[[], None]) -> None:
        """Wait until the edge's Deployment is rolled out, and all of its pods accept commands. Raises ClusterError."""
        deadline = time.monotonic() + seconds
        while late := self._late():
            check()
            if time.monotonic() > deadline:
                raise ClusterError(f"After {seconds:g} s the edge is not there (deploy.ready_seconds): {late}")
            time.sleep(POLL_SECONDS)

    def _late(self) -> str:
        """Why the edge is not there yet; empty if it is.

        Pods that are not ready count where all of them are of one version: an edge without a replica is not ready.
        """
        found = self.cluster.ask(self.cluster.apps.read_namespaced_deployment, EDGE, self.cluster.namespace)
        status, wanted = found.status, int(found.spec.replicas or 0)
        if (status.observed_generation or 0) < found.metadata.generation or (status.updated_replicas or 0) < wanted:
            return "its Deployment is not rolled out."
        if (status.replicas or 0) > wanted:
            return f"{status.replicas} pods, {wanted} are wanted."
        pods = [one for one in self._pods() if one.metadata.deletion_timestamp is None]
        if len(pods) < wanted:
            return f"{len(pods)} of {wanted} pods run."
        try:
            for one in pods:
                Edge(PodPlace(self.cluster, one.metadata.name)).servers()
        except EngineError as error:
            return str(error)
        return ""

    def _tell(self, commands: Callable[[Mapping[str, Server]], list[str]]) -> None:
        """Say to each edge what follows from its servers. One that goes meanwhile is left out."""
        self._each(lambda edge: edge.say(*commands(edge.servers())))

    def _wait(
        self, against: Callable[[Mapping[str, Server]], list[str]], seconds: float, *, going: bool = True
    ) -> None:
        deadline = time.monotonic() + seconds
        while found := [text for one in self._each(Edge.servers, going=going) for text in against(one)]:
            if time.monotonic() > deadline:
                raise EdgeError(f"After {seconds:g} s at the edge: {', '.join(found)}.")
            time.sleep(POLL_SECONDS)

    def _each(self, act: Callable[[Edge], Answer], *, going: bool = True) -> list[Answer]:
        """Do this at each edge that runs. `going`: also at those on their way out, which finish what they have.

        One that goes meanwhile is left out, and one that has only just started is waited for. Raises EngineError.
        """
        answers = []
        for pod in self._pods():
            name, leaves = pod.metadata.name, pod.metadata.deletion_timestamp is not None
            if leaves and not going:
                continue
            deadline = time.monotonic() + (0.0 if leaves else STARTING_SECONDS)
            while True:
                try:
                    answers.append(act(Edge(PodPlace(self.cluster, name))))
                except EngineError:
                    if leaves or not any(one.metadata.name == name for one in self._pods()):
                        break
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(POLL_SECONDS)
                else:
                    break
        return answers

    def _pods(self) -> list[client.V1Pod]:
        """Those whose container runs."""
        found = self.cluster.ask(
            self.cluster.core.list_namespaced_pod, self.cluster.namespace, label_selector=f"{NAME_LABEL}={EDGE}"
        ).items
        return [one for one in found if any(each.state.running for each in one.status.container_statuses or ())]


def places(servers: Iterable[str], side: Side, prefix: str = "") -> list[str]:
    """The names of a side's places; with the prefix "backup-", those of its backup servers."""
    return [one for one in servers if one.startswith(f"{prefix}{side}-")]


def weights_of(percent: int, new: int, old: int) -> tuple[int, int]:
    """The weight of each new and of each old pod, so that the new ones together get this share.

    `new`, `old`: how many pods there are. HAProxy's weights are whole numbers up to 256.
    """
    share = percent * max(1, old), (100 - percent) * max(1, new)
    largest = max(share)
    if largest <= LARGEST_WEIGHT:
        return share
    first, second = (max(1, round(one * LARGEST_WEIGHT / largest)) if one else 0 for one in share)
    return first, second
