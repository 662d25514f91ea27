"""The deploy state in the cluster, current and past releases: one ConfigMap, replaced whole."""

from kubernetes import client

from contracts.release import State
from deploy.engine import EngineError
from deploy.host.state import parse
from deploy.kubernetes.cluster import Cluster

NAME = "service-deploys"
KEY = "state.json"


def read_state(cluster: Cluster) -> State:
    """The state; an empty one if nothing was deployed yet. Raises StateError and ClusterError."""
    found = cluster.find(cluster.core.read_namespaced_config_map, NAME, cluster.namespace)
    return parse((found.data or {}).get(KEY, "").encode()) if found else State()


def write_state(cluster: Cluster, state: State) -> None:
    """Write the state, and read it back, because every later step relies on it."""
    body = client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name=NAME), data={KEY: state.model_dump_json(indent=2) + "\n"}
    )
    if cluster.find(cluster.core.read_namespaced_config_map, NAME, cluster.namespace) is None:
        cluster.ask(cluster.core.create_namespaced_config_map, cluster.namespace, body)
    else:
        cluster.ask(cluster.core.replace_namespaced_config_map, NAME, cluster.namespace, body)
    if read_state(cluster) != state:
        raise EngineError(f"The ConfigMap {NAME} is not what was just written there.")
