"""The pods of one side: scaled, waited for, checked, and drained."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from contracts.release import Side
from deploy.host.machine import PORT
from deploy.host.replicas import LOG_CHARACTERS, LOG_LINES, ReplicaError
from deploy.kubernetes.cluster import Cluster, ClusterError, is_ready
from deploy.kubernetes.manifests import CONTAINER, NAME_LABEL, SERVICE, SIDE_LABEL, deployment_of

POLL_SECONDS = 0.25
PULL_FAILURES = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


@dataclass(frozen=True)
class Pods:
    """One side of the stack."""

    cluster: Cluster
    side: Side

    def series(self) -> str:
        """The label matcher of its pods' series in Prometheus: their addresses, however it found them."""
        return f'instance=~"{"|".join(f"{one}:{PORT}" for one in self.addresses())}"'

    def addresses(self) -> list[str]:
        """The addresses of its pods."""
        return [one.status.pod_ip for one in self.cluster.pods(self.side) if one.status.pod_ip]

    def deployment(self) -> client.V1Deployment | None:
        return self.cluster.find(
            self.cluster.apps.read_namespaced_deployment, deployment_of(self.side), self.cluster.namespace
        )

    def image(self) -> str:
        """The image of its pods, or of those that a scale-up would start; empty if it has no Deployment."""
        found = self.deployment()
        if found is None:
            return ""
        return next((one.image for one in found.spec.template.spec.containers if one.name == CONTAINER), "")

    def replicas(self) -> int:
        """How many are wanted."""
        found = self.deployment()
        return int(found.spec.replicas or 0) if found else 0

    def scale(self, replicas: int) -> None:
        """Want so many pods."""
        self._patch({"spec": {"replicas": replicas}})

    def set_image(self, image: str) -> None:
        """Another image in the template; the side has no pods."""
        self._patch({"spec": {"template": {"spec": {"containers": [{"name": CONTAINER, "image": image}]}}}})

    def wait_until_ready(self, count: int, seconds: float, check: Callable[[], None]) -> list[str]:
        """Wait until so many pods are ready, and return their names.

        Raises ReplicaError if they are not ready in time, and whatever `check` raises.
        """
        deadline = time.monotonic() + seconds
        while True:
            check()
            pods = self.cluster.pods(self.side)
            ready = sorted(one.metadata.name for one in pods if is_ready(one))
            if len(ready) >= count:
                return ready
            if time.monotonic() > deadline:
                late = [one for one in pods if not is_ready(one)]
                said = (
                    f"{_why_waiting(late[0])}{self._last_words(late[0])}"
                    if late
                    else "There is no pod: `kubectl describe`."
                )
                raise ReplicaError(
                    f"{len(ready)} of {count} pods of {self.side} became ready within {seconds:g} s "
                    f"(deploy.ready_seconds). {said}"
                )
            time.sleep(POLL_SECONDS)

    def check_running(self) -> None:
        """Raises ReplicaError if one has ended or was started again, ClusterError if its image cannot be pulled.

        For a side that a deploy or a rollback has just started: where pods have served, one may have ended since.
        """
        for pod in self.cluster.pods(self.side):
            name = pod.metadata.name
            if pod.status.phase in ("Failed", "Succeeded"):
                raise ReplicaError(f"{name} has ended ({pod.status.reason or pod.status.phase}).")
            for one in pod.status.container_statuses or ():
                if one.restart_count or one.state.terminated:
                    raise ReplicaError(f"{name} ended by itself{_exit_code(one)}. {self._last_words(pod)}")
                if one.state.waiting and one.state.waiting.reason in PULL_FAILURES:
                    raise ClusterError(
                        f"{name} cannot start: {one.state.waiting.reason}. {one.state.waiting.message or ''}"
                    )

    def wait_until_gone(self, seconds: float) -> None:
        """Wait until no pod of this side is left, those that drain included. Raises ClusterError after `seconds`."""
        deadline = time.monotonic() + seconds
        wanted = f"{NAME_LABEL}={SERVICE},{SIDE_LABEL}={self.side}"
        while left := self.cluster.ask(
            self.cluster.core.list_namespaced_pod, self.cluster.namespace, label_selector=wanted
        ).items:
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"After {seconds:g} s {len(left)} pods of {self.side} still drain (deploy.drain_seconds)."
                )
            time.sleep(POLL_SECONDS)

    def _patch(self, body: dict[str, Any]) -> None:
        self.cluster.ask(
            self.cluster.apps.patch_namespaced_deployment, deployment_of(self.side), self.cluster.namespace, body
        )

    def _last_words(self, pod: client.V1Pod) -> str:
        """The end of its log: of the process that ended, if it was started again."""
        was_restarted = any(one.restart_count for one in pod.status.container_statuses or ())
        try:
            log = self.cluster.ask(
                self.cluster.core.read_namespaced_pod_log, pod.metadata.name, self.cluster.namespace,
                container=CONTAINER, tail_lines=LOG_LINES, previous=was_restarted,
            )  # fmt: skip
        except ClusterError:  # it has not started, or is gone
            return "It said nothing."
        said = " / ".join(log.splitlines())[-LOG_CHARACTERS:]
        return f"It said: {said}" if said else "It said nothing."


def _exit_code(status: client.V1ContainerStatus) -> str:
    ended = status.state.terminated or status.last_state.terminated
    return f" (exit code {ended.exit_code})" if ended else ""


def _why_waiting(pod: client.V1Pod) -> str:
    """What the scheduler or the kubelet says, if it has not started; with a space behind."""
    for one in pod.status.conditions or ():
        if one.type == "PodScheduled" and one.status == "False":
            return f"{pod.metadata.name}: {one.message} "
    return f"{pod.metadata.name} is not ready. "
