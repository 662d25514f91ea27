"""Which side of the cluster has the traffic: the selector of the Service, and the side that the autoscaler follows."""

import time
from dataclasses import dataclass

from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Release, Side, State
from deploy.host.machine import OTHER
from deploy.host.replicas import ReplicaError
from deploy.kubernetes.cluster import MANAGER, Cluster, ClusterError
from deploy.kubernetes.lease import Held
from deploy.kubernetes.manifests import NAME_LABEL, SERVICE, SIDE_LABEL, Manifests, deployment_of
from deploy.kubernetes.side import Pods
from deploy.rollout.journal import Journal
from deploy.rollout.version_metrics import Prometheus

POLL_SECONDS = 0.25
# The endpoints are the API server's; each node's rules follow them within a second.
NODES_SECONDS = 1.0
ENDPOINT_SECONDS = 30.0


@dataclass
class Production:
    """The namespace while the lock is held. `prometheus_at`: namespace/service:port."""

    cluster: Cluster
    held: Held
    manifests: Manifests
    rules: Rules
    journal: Journal
    prometheus_at: str
    key: str = ""

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus(self._exchange_with_prometheus, self.prometheus_at)

    def _exchange_with_prometheus(self, place: str, _port: int, sent: bytes) -> bytes:
        """Its pod is looked up each time, because it may have been replaced."""
        return self.cluster.exchange(*self.cluster.pod_behind(place), sent)

    def pods(self, side: Side) -> Pods:
        return Pods(self.cluster, side)

    def settle(self, state: State) -> str:
        """Make the cluster match the state. Idempotent, safe at any moment. Raises ClusterError and ReplicaError."""
        self.held.check()
        if state.current is None:
            return self._settle_empty()
        side, image = state.current.side, state.current.image
        pods = self.pods(side)
        if pods.image() != image:
            raise ReplicaError(
                f"{deployment_of(side)} has the image {pods.image() or 'of no Deployment'}, state.json says {image}: "
                "it was changed by hand. Set it back: `kubectl set image`."
            )
        if not pods.replicas():
            pods.scale(self.manifests.least_replicas)
        pods.wait_until_ready(pods.replicas(), self.rules.ready_seconds, self.held.check)
        self.send_all_to(side)
        self.retire(OTHER[side])
        return f"{side} serves {image.rpartition('/')[2][:40]} on {pods.replicas()} pods"

    def _settle_empty(self) -> str:
        """Nothing was deployed yet, or the first deploy failed: no pods."""
        for side in OTHER:
            if self.pods(side).deployment() is not None:
                self.retire(side)
        return "nothing was deployed yet"

    def retire(self, side: Side) -> None:
        """Stop a side that has no traffic, and wait until its pods have finished what is at work."""
        pods = self.pods(side)
        if pods.replicas():
            pods.scale(0)
        pods.wait_until_gone(self.rules.drain_seconds)

    def apply(self, new: Release, replicas: int, current: Release | None) -> int:
        """Apply the overlay with the new side's Deployment, which gets no traffic yet; how many documents that were."""
        service, scaler = self.manifests.service, self.manifests.scaler
        serving = current.side if current else new.side
        service["spec"]["selector"] = {NAME_LABEL: SERVICE, SIDE_LABEL: serving if current else "none"}
        scaler["spec"]["scaleTargetRef"]["name"] = deployment_of(serving)
        documents = [one for one in self.manifests.others if one["kind"] != "Namespace"]
        documents += [service, self.manifests.for_side(new.side, new.image, replicas)]
        # Without a release to follow it would raise the new side above its share.
        documents += [scaler] if current else []
        for document in documents:
            self.cluster.apply(document)
        return len(documents)

    def select(self, side: Side | None) -> None:
        """Let the Service spread new connections over the pods of this side; None: of both."""
        self.cluster.ask(
            self.cluster.core.patch_namespaced_service, SERVICE, self.cluster.namespace,
            {"spec": {"selector": {NAME_LABEL: SERVICE, SIDE_LABEL: side}}}, field_manager=MANAGER,
        )  # fmt: skip

    def send_all_to(self, side: Side) -> None:
        """Send new connections to this side alone, and let the autoscaler follow it."""
        self.held.check()
        self.select(side)
        self.manifests.scaler["spec"]["scaleTargetRef"]["name"] = deployment_of(side)
        self.cluster.apply(self.manifests.scaler)
        self.wait_until_only(side)

    def wait_until_only(self, side: Side) -> None:
        """Wait until the Service's endpoints are the ready pods of this side. Raises ClusterError."""
        deadline = time.monotonic() + ENDPOINT_SECONDS
        while not (names := self._endpoints()) or not all(one.startswith(f"{deployment_of(side)}-") for one in names):
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"After {ENDPOINT_SECONDS:g} s the Service's endpoints are {', '.join(sorted(names)) or 'none'}."
                )
            time.sleep(POLL_SECONDS)
        time.sleep(NODES_SECONDS)

    def _endpoints(self) -> set[str]:
        """The pods that get new connections."""
        slices = self.cluster.ask(
            self.cluster.slices.list_namespaced_endpoint_slice, self.cluster.namespace,
            label_selector=f"kubernetes.io/service-name={SERVICE}",
        ).items  # fmt: skip
        found = [one for part in slices for one in part.endpoints or ()]
        return {one.target_ref.name for one in found if one.conditions.ready and one.target_ref}
