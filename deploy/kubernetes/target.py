"""A deploy to Kubernetes: two Deployments behind the edge, which gives each its share of the requests.

The order is deploy/rollout/sequence.py's, and so are admission, canary and watch. The ConfigMap `service-deploys` has
the desired state.

Reads   KUBECONFIG and its current context; KUBERNETES_OVERLAY: the folder that kustomize renders (default:
        deploy/kubernetes/production); KUBERNETES_PROMETHEUS: namespace/service:port of the Prometheus that scrapes the
        pods (default: prometheus:9090 in the overlay's own namespace), with their addresses as the label `instance`
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Release, Side, State, VersionMetrics
from deploy.host.machine import CHECKOUT, OTHER
from deploy.kubernetes.cluster import Cluster
from deploy.kubernetes.lease import lock
from deploy.kubernetes.manifests import Manifests, render
from deploy.kubernetes.production import Production
from deploy.kubernetes.state import read_state, write_state
from deploy.rollout import golden
from deploy.rollout.candidate import Proved
from deploy.rollout.journal import Journal
from deploy.rollout.sequence import SCRAPED_SECONDS, Target, compare, watch

OVERLAY = CHECKOUT / "deploy" / "kubernetes" / "production"
PROMETHEUS = "prometheus:9090"


@dataclass(frozen=True)
class ClusterPlace:
    """The namespace of the overlay, in the cluster that the kubeconfig names."""

    manifests: Manifests
    prometheus_at: str

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.manifests.namespace)

    def read_state(self) -> State:
        return read_state(self.cluster)

    @contextmanager
    def hold(self, reason: str, rules: Rules, journal: Journal, key: str) -> Iterator[Target]:
        self._make_namespace()
        with lock(self.manifests.namespace, reason) as held:
            yield KubernetesTarget(self.cluster, held, self.manifests, rules, journal, self.prometheus_at, key)

    def _make_namespace(self) -> None:
        cluster = self.cluster
        if cluster.find(cluster.core.read_namespace, cluster.namespace) is None:
            for document in self.manifests.others:
                if document["kind"] == "Namespace":
                    cluster.apply(document)


def place_of(environment: Mapping[str, str]) -> ClusterPlace:
    """The place that the environment names. Raises UsageError."""
    overlay = environment.get("KUBERNETES_OVERLAY")
    if environment.get("DOCKER_HOST", "").startswith("ssh://"):
        raise UsageError("DOCKER_HOST names a host, DEPLOY_TARGET a cluster; required: one of the two.")
    return ClusterPlace(
        render(Path(overlay) if overlay else OVERLAY), environment.get("KUBERNETES_PROMETHEUS") or PROMETHEUS
    )


@dataclass
class KubernetesTarget(Production):
    """The steps on a cluster."""

    def read_state(self) -> State:
        return read_state(self.cluster)

    def write_state(self, state: State) -> None:
        write_state(self.cluster, state)

    def figures(self, side: Side, seconds: float) -> VersionMetrics:
        """Prometheus' figures of a side over the last seconds."""
        return self.prometheus.figures(self.pods(side).series(), seconds)

    def check(self, side: Side) -> None:
        """Raises if the lock is lost or a pod of this side has ended."""
        self._check(side)
        self.journal.progress(f"the pods of {side} run")

    def _check(self, side: Side) -> None:
        self.held.check()
        self.pods(side).check_running()

    def has_image(self, image: str) -> bool:  # noqa: ARG002 — the nodes pull what they do not have
        return True

    def is_out(self, side: Side) -> bool:
        """Whether this side has no pods, and no edge sends it anything."""
        has_pods = self.pods(side).replicas() or self.cluster.pods(side)
        return not has_pods and self.edges.are_without(side)

    def start_again(self, release: Release) -> str:
        """As many pods of an earlier release as serve now, without traffic."""
        pods = self.pods(release.side)
        if pods.image() != release.image:
            pods.set_image(release.image)
        count = max(self.manifests.least_replicas, self.pods(OTHER[release.side]).replicas())
        pods.scale(count)
        pods.wait_until_ready(count, self.rules.ready_seconds, partial(self._check, release.side))
        return f"{count} pods are ready"

    def enter(self, side: Side) -> str:
        """Add the pods of this side to the edge without traffic, and wait until its health checks pass."""
        self.edges.enter(side, self.pods(side).addresses(), None)
        return f"the pods of {side} are up at the edge, with 0 % of the traffic"

    def switch(self, side: Side, *, with_backup: bool = True) -> str:
        """Send all requests to this side. `with_backup`: the other side answers if no pod of it can."""
        self.send_all_to(side, OTHER[side] if with_backup else None)
        self.journal.serving()
        return f"all traffic to {side}"

    def bring_up(self, state: State, new: Release, proved: Proved, rival: Release | None) -> None:
        """Start the new version beside the old, give it its shares of the requests, and watch it."""
        journal, side, pods = self.journal, new.side, self.pods(new.side)
        whole = max(self.manifests.least_replicas, self.pods(OTHER[side]).replicas() if state.current else 0)
        shares = self.rules.canary_percent if rival else ()
        first = pods_for(shares[0], whole) if shares else whole
        with journal.step("start") as step:
            if state.current is None:
                self.bring_stack_up(None)
            self.cluster.apply(self.manifests.for_side(side, new.image, first))
            step.said = f"{first} pods wanted"
        with journal.step("ready") as step:
            names = pods.wait_until_ready(first, self.rules.ready_seconds, partial(self._check, side))
            step.said = f"{len(names)} pods are ready"
        asked: set[str] = set()
        with journal.step("golden") as step:
            step.said = self._ask_golden_rows(side, new, proved, asked)
        with journal.step("enter") as step:
            self.prometheus.wait_until_scraped(pods.series(), names, SCRAPED_SECONDS)
            self.edges.enter(side, pods.addresses(), rival.side if rival else None)
            step.said = f"the pods of {side} are up at the edge, with 0 % of the traffic"
        for percent in self.rules.canary_percent:
            with journal.step(f"canary {percent} %") as step:
                if rival is None:
                    step.said = "nothing to compare with: this is the first of its project"
                    continue
                count = pods_for(percent, whole)
                self._grow(side, count, new, proved, asked)
                self.edges.share(side, percent)
                step.said = f"{count} pods: {compare(self, side, percent)}"
        with journal.step("switch") as step:
            self._grow(side, whole, new, proved, asked)
            step.said = self.switch(side, with_backup=rival is not None)
        with journal.step("drain") as step:
            self.edges.wait_until_idle(OTHER[side], self.rules.drain_seconds)
            step.said = f"no request is in flight at {OTHER[side]}"
        with journal.step("watch") as step:
            step.said = watch(self, rival, side)

    def _grow(self, side: Side, count: int, new: Release, proved: Proved, asked: set[str]) -> None:
        """Want so many pods, wait until they are ready, and ask those that are new for the golden rows.

        Until they have answered, the old side has all requests.
        """
        pods = self.pods(side)
        if pods.replicas() != count:
            self.edges.share(side, 0)
            pods.scale(count)
        pods.wait_until_ready(count, self.rules.ready_seconds, partial(self._check, side))
        self._ask_golden_rows(side, new, proved, asked)
        self.edges.wait_until_up(side, pods.addresses())

    def _ask_golden_rows(self, side: Side, new: Release, proved: Proved, asked: set[str]) -> str:
        """Ask the pods that were not asked yet. Raises WrongAnswerError."""
        rows = 0
        for name in sorted({one.metadata.name for one in self.cluster.pods(side)} - asked):
            rows += golden.ask(self.cluster.exchange, name, proved.card, proved.golden, new.model, self.key)
            asked.add(name)
        return f"{rows} answers of the pods themselves are right"


def pods_for(percent: int, others: int) -> int:
    """The fewest pods that get at least this share beside so many others, and at most as many as those."""
    return min(others, max(1, math.ceil(others * percent / (100 - percent))))
