"""Which side of the cluster has the traffic: the edge's weights, LIVE, and the side that the autoscaler follows."""

from dataclasses import dataclass

from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Side, State
from deploy.host.machine import OTHER
from deploy.host.replicas import ReplicaError
from deploy.kubernetes.cluster import Cluster
from deploy.kubernetes.edges import Edges
from deploy.kubernetes.lease import Held
from deploy.kubernetes.manifests import Manifests, deployment_of
from deploy.kubernetes.side import Pods
from deploy.rollout.journal import Journal
from deploy.rollout.version_metrics import Prometheus


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

    @property
    def edges(self) -> Edges:
        return Edges(self.cluster)

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
        count = self.bring_stack_up(side)
        pods.wait_until_ready(pods.replicas(), self.rules.ready_seconds, self.held.check)
        self.edges.serve(side)
        self.edges.wait_until_up(side, pods.addresses())
        self.retire(OTHER[side])
        return (
            f"{side} serves {image.rpartition('/')[2][:40]} on {pods.replicas()} pods; {count} documents of the "
            "overlay applied"
        )

    def _settle_empty(self) -> str:
        """Nothing was deployed yet, or the first deploy failed: no pods."""
        for side in OTHER:
            if self.pods(side).deployment() is not None:
                self.retire(side)
        return "nothing was deployed yet"

    def bring_stack_up(self, serving: Side | None) -> int:
        """Apply what is around the pods, and wait until the edge accepts commands; how many documents that were."""
        scaler, others = self.manifests.scaler, self.manifests.others
        documents = [self.edges.live_document(serving), *(one for one in others if one["kind"] != "Namespace")]
        if serving is not None:  # without a release to follow it would raise the new side above its share
            scaler["spec"]["scaleTargetRef"]["name"] = deployment_of(serving)
            documents.append(scaler)
        for document in documents:
            self.cluster.apply(document)
        self.edges.wait_until_listening(self.rules.ready_seconds, self.held.check)
        self.cluster.apply(self.manifests.service)
        return len(documents) + 1

    def retire(self, side: Side) -> None:
        """Send a side nothing, wait until its pods have finished what is at work, and stop them."""
        pods = self.pods(side)
        self.edges.drain(side)
        self.edges.wait_until_idle(side, self.rules.drain_seconds)
        self.edges.take_out(side)
        if pods.replicas():
            pods.scale(0)
        pods.wait_until_gone(self.rules.drain_seconds)

    def send_all_to(self, side: Side, backup: Side | None) -> None:
        """Send all requests to this side, now and after a start of an edge, and let the autoscaler follow it."""
        self.held.check()
        self.cluster.apply(self.edges.live_document(side))
        self.edges.switch(side, backup)
        self.manifests.scaler["spec"]["scaleTargetRef"]["name"] = deployment_of(side)
        self.cluster.apply(self.manifests.scaler)
