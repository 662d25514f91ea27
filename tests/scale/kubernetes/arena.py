"""A production on a real cluster: the arena of tests/rollouts, in a namespace of its own that is removed at the end.

`KUBECONFIG` names the cluster. Its nodes pull from a registry on this machine, as they would from Docker Hub:
`KUBERNETES_NODE` is the command that runs another one in a node's network (`nsenter --net=…`), and `KUBERNETES_HOST`
this machine's address there. Whoever asks for an image at the node's own loopback is led to the registry.
"""

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.host.machine import Host
from deploy.kubernetes.cluster import Cluster, ClusterError
from deploy.kubernetes.lease import NAME as LEASE
from deploy.kubernetes.manifests import SERVICE, SIDES
from deploy.kubernetes.state import KEY
from deploy.kubernetes.state import NAME as STATE
from deploy.registry.registry import push
from tests.containers.registry import Registry
from tests.rollouts.arena import ROOT, Arena, golden_rows, remove_rest, without_settings
from tests.scale.s3_server import skip

RATE = 120.0
NEEDED = ("KUBECONFIG", "KUBERNETES_NODE", "KUBERNETES_HOST")
# What the overlay runs, by the variables of compose.yaml.
IMAGES = {"prom/prometheus": "PROMETHEUS_IMAGE", "haproxy": "HAPROXY_IMAGE"}
# Steps of four scrapes.
RULES: dict[str, object] = {
    "canary_percent": [10, 50], "canary_seconds": 8.0, "canary_min_requests": 60, "canary_max_seconds": 60.0,
    "watch_seconds": 8.0, "ready_seconds": 120.0,
}  # fmt: skip
FAST: dict[str, Any] = {"canary_percent": [50], "canary_seconds": 6.0, "canary_min_requests": 30, "watch_seconds": 6.0}
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources: [{laptop}]
images:
{images}
patches:
  - target: {{kind: HorizontalPodAutoscaler, name: service}}
    patch: |
      - {{op: replace, path: /spec/maxReplicas, value: 2}}
"""


@dataclass
class ClusterArena(Arena):
    """As on a host, but for where its state, its pods and its lock are."""

    cluster: Cluster = field(default_factory=lambda: Cluster("default"))

    @property
    def url(self) -> str:
        service = self.cluster.ask(self.cluster.core.read_namespaced_service, SERVICE, self.cluster.namespace)
        return f"http://{service.spec.cluster_ip}"

    def state_bytes(self) -> bytes:
        found = self.cluster.find(self.cluster.core.read_namespaced_config_map, STATE, self.cluster.namespace)
        return found.data[KEY].encode() if found else b""

    def running(self) -> set[str]:
        return {one.metadata.name for side in SIDES for one in self.cluster.pods(side)}

    def is_locked(self) -> bool:
        found = self.cluster.find(self.cluster.leases.read_namespaced_lease, LEASE, self.cluster.namespace)
        return bool(found and found.spec.holder_identity)


@contextmanager
def cluster_arena(base: str) -> Iterator[ClusterArena]:
    """`base`: an image that `make build` made. Two good versions; nothing is deployed yet."""
    for name in (*NEEDED, *IMAGES.values()):
        if not os.environ.get(name):
            skip(f"{name} is not set (docs/scale.md).")
    namespace = f"ghtest-{secrets.token_hex(3)}"
    folder = Path(tempfile.mkdtemp(prefix=namespace))
    registry = Registry(folder)
    environment = without_settings(os.environ) | {
        "PYTHONPATH": str(ROOT), "DEPLOY_TARGET": "kubernetes", "KUBERNETES_OVERLAY": str(folder / "overlay"),
    }  # fmt: skip
    made = ClusterArena(
        Host(namespace, environment), registry, folder, base, golden_rows(base), RATE, RULES, FAST,
        cluster=Cluster(namespace),
    )  # fmt: skip
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(remove_rest, namespace, registry.address)
        stack.callback(registry.stop)
        registry.start()
        stack.enter_context(seen_by_nodes(registry.port))
        stack.callback(remove, made.cluster)
        _write_overlay(folder / "overlay", namespace, registry)
        made.make_version("first", "1" * 40)
        made.make_version("second", "2" * 40)
        yield made


def _write_overlay(overlay: Path, namespace: str, registry: Registry) -> None:
    images = []
    for image, variable in IMAGES.items():
        pushed = push(os.environ[variable], f"{registry.address}/user/{image.rpartition('/')[2]}", "test")
        name, _, digest = pushed.partition("@")
        images.append(f'  - {{name: {image}, newName: {name}, digest: "{digest}"}}')
    overlay.mkdir()
    laptop = os.path.relpath(ROOT / "deploy" / "kubernetes" / "laptop", overlay.resolve())
    text = OVERLAY.format(namespace=namespace, laptop=laptop, images="\n".join(images))
    (overlay / "kustomization.yaml").write_text(text, encoding="utf-8")


@contextmanager
def seen_by_nodes(port: int) -> Iterator[None]:
    """The registry's port on a node's loopback leads to the registry."""
    address, node = os.environ["KUBERNETES_HOST"], shlex.split(os.environ["KUBERNETES_NODE"])
    running = [
        _start([], (address, port, "127.0.0.1", port)),
        _start(node, ("127.0.0.1", port, address, port)),
    ]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def _start(prefix: Sequence[str], way: Sequence[object]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*prefix, sys.executable, str(Path(__file__).parent / "forward.py"), *map(str, way)])


def remove(cluster: Cluster) -> None:
    """The namespace goes with everything in it; it takes some seconds, for which nobody waits."""
    try:
        cluster.find(cluster.core.delete_namespace, cluster.namespace)
    except ClusterError as error:
        print(f"the namespace {cluster.namespace} is left: {error}", file=sys.stderr)
