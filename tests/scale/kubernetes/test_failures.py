"""What a cluster does by itself under load: pods and agents that end, an edge that goes, the autoscaler.

On the same production as test_deploys.py; the table of docs/scale.md is made of what each of them prints.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from deploy.kubernetes.cluster import is_ready
from deploy.kubernetes.manifests import EDGE, NAME_LABEL, SERVICE
from deploy.rollout.steady_client import Summary, summary
from tests.rollouts import scenarios
from tests.rollouts.arena import Done, between, eventually
from tests.rollouts.scenarios import Row
from tests.scale.kubernetes.arena import ClusterArena
from tests.scale.kubernetes.node import kill_agent, kill_processes, start_agents

SETTLED_SECONDS = 120.0
BUSY_RATE, CALM_RATE = 300.0, 40.0


@pytest.fixture(autouse=True)
def whole_again(stage: ClusterArena) -> Iterator[None]:
    yield
    eventually(lambda: len(ready(stage, SERVICE)) == len(ready(stage, EDGE)) == 2, SETTLED_SECONDS, "two of each")


def ready(stage: ClusterArena, name: str) -> list[Any]:
    """The ready pods of the service, or of the edge."""
    cluster = stage.cluster
    found = cluster.ask(cluster.core.list_namespaced_pod, cluster.namespace, label_selector=f"{NAME_LABEL}={name}")
    return [one for one in found.items if is_ready(one) and one.metadata.deletion_timestamp is None]


def under_load(stage: ClusterArena, act: Callable[[], object], seconds: float, rate: float | None = None) -> Summary:
    """Do something, go on for so long, and sum up all requests since it began."""
    with stage.client(rate) as client:
        time.sleep(1)
        began = time.time()
        act()
        time.sleep(max(0.0, began + seconds - time.time()))
        seen = client.stop()
    return summary(between(seen, began, time.time()))


def delete(stage: ClusterArena, name: str) -> None:
    core = stage.cluster.core
    stage.cluster.ask(core.delete_namespaced_pod, ready(stage, name)[0].metadata.name, stage.cluster.namespace)


@pytest.mark.parametrize(("name", "what"), [(SERVICE, "a pod is deleted"), (EDGE, "a pod of the edge is deleted")])
def test_a_pod_that_is_deleted_loses_no_request(stage: ClusterArena, told: list[Row], name: str, what: str) -> None:
    whole = under_load(stage, lambda: delete(stage, name), 45.0)
    assert whole.failed == 0, whole.errors
    told.append(Row(what, whole.requests, 0, 0, 45.0, "another one in its place"))


def test_a_pod_that_is_killed_loses_no_request(stage: ClusterArena, told: list[Row]) -> None:
    whole = under_load(stage, lambda: kill_processes(ready(stage, SERVICE)[0]), 30.0)
    assert whole.failed == 0, whole.errors
    told.append(Row("kill -9 of a pod's process", whole.requests, 0, 0, 30.0, "started again by the kubelet"))


def test_a_deploy_after_a_pod_was_started_again_is_like_any_other(stage: ClusterArena, told: list[Row]) -> None:
    """What ended once, long ago, says nothing of the pods that serve."""
    kill_processes(ready(stage, SERVICE)[0])
    eventually(lambda: any(restarts(one) for one in ready(stage, SERVICE)), SETTLED_SECONDS, "it was started again")
    done: list[Done] = []
    deploy = partial(stage.run, "deploy", scenarios.other(stage), **stage.fast)
    whole = under_load(stage, lambda: done.append(deploy()), 1.0)
    assert done[0].exit_code == 0, done[0].output
    assert whole.failed == 0, whole.errors
    words = "the pod that was started again is no reason against it"
    told.append(Row("deploy after a pod's restart", whole.requests, 0, 0, done[0].seconds, words))


def restarts(pod: Any) -> int:
    return sum(one.restart_count for one in pod.status.container_statuses)


def test_an_edge_that_is_killed_loses_what_it_had_at_work_and_no_more(stage: ClusterArena, told: list[Row]) -> None:
    killed = time.time()
    with stage.client() as client:
        time.sleep(1)
        killed = time.time()
        kill_processes(ready(stage, EDGE)[0])
        time.sleep(20)
        seen = client.stop()
    lost = [one.due for one in seen if one.error]
    took = max(lost, default=killed) - killed
    assert took < 10, took
    words = f"every request answered again {took:.1f} s after, by the other edge"
    told.append(Row("kill -9 of a pod of the edge", len(seen), len(lost), 0, 20.0, words))


def test_a_rolling_restart_of_the_edge_loses_no_request(stage: ClusterArena, told: list[Row]) -> None:
    """As a deploy does where haproxy.cfg has changed."""
    stamp = {"spec": {"template": {"metadata": {"annotations": {"restarted": str(time.time())}}}}}
    apps, namespace = stage.cluster.apps, stage.cluster.namespace
    whole = under_load(stage, lambda: stage.cluster.ask(apps.patch_namespaced_deployment, EDGE, namespace, stamp), 60.0)
    assert whole.failed == 0, whole.errors
    told.append(Row("rolling restart of the edge", whole.requests, 0, 0, 60.0, "two other pods"))


@pytest.mark.parametrize("name", ["kubelet", "kube-proxy"])
def test_an_agent_of_the_node_that_is_killed_loses_no_request(stage: ClusterArena, told: list[Row], name: str) -> None:
    def act() -> None:
        kill_agent(name)
        time.sleep(15)
        start_agents()

    whole = under_load(stage, act, 40.0)
    assert whole.failed == 0, whole.errors
    told.append(Row(f"kill -9 of the {name}", whole.requests, 0, 0, 40.0, "away for 15 s; the pods serve on"))


def test_the_autoscaler_goes_up_and_down_and_no_request_is_lost(stage: ClusterArena, told: list[Row]) -> None:
    began = time.time()
    scale(stage, most=4, percent=20)
    try:
        up = under_load(
            stage, lambda: eventually(lambda: len(ready(stage, SERVICE)) >= 3, SETTLED_SECONDS, "more pods"), 20.0,
            BUSY_RATE,
        )  # fmt: skip
        most = len(ready(stage, SERVICE))
        scale(stage, most=4, percent=90)
        down = under_load(
            stage, lambda: eventually(lambda: len(ready(stage, SERVICE)) == 2, SETTLED_SECONDS, "two pods"), 20.0,
            CALM_RATE,
        )  # fmt: skip
    finally:
        scale(stage, most=2, percent=70)
    assert up.failed == 0, up.errors
    assert down.failed == 0, down.errors
    words = f"from 2 to {most} pods under {BUSY_RATE:g} requests/s, and back under {CALM_RATE:g}"
    told.append(Row("autoscaler up and down", up.requests + down.requests, 0, 0, time.time() - began, words))


def scale(stage: ClusterArena, most: int, percent: int) -> None:
    """Other limits of the autoscaler, which goes down at once."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}
    spec = {
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": cpu}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}},
    }
    patch = stage.cluster.scaling.patch_namespaced_horizontal_pod_autoscaler
    stage.cluster.ask(patch, SERVICE, stage.cluster.namespace, {"spec": spec})
