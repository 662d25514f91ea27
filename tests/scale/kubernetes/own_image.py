"""Manifests that no deploy applies, with an image of one's own: applied as docs/scale.md says, removed at the end."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client

from deploy.engine import docker
from deploy.kubernetes.cluster import Cluster
from deploy.kubernetes.manifests import NAME_LABEL
from deploy.registry.registry import push
from tests.containers.registry import Registry
from tests.rollouts.arena import ROOT
from tests.scale.kubernetes.arena import NEEDED, remove, seen_by_nodes
from tests.scale.s3_server import skip

# A node of two cores has no place for what the pods ask for.
KUSTOMIZATION = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources: [{manifests}]
images: [{{name: {name}, newName: {image}, digest: "{digest}"}}]
patches:
  - target: {{kind: {kind}}}
    patch: |
      - {{op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 50m}}
"""


@dataclass(frozen=True)
class Applied:
    """What runs, in a namespace of its own."""

    cluster: Cluster

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace; what it prints."""
        command = ["kubectl", f"--namespace={self.cluster.namespace}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout

    def pods(self, name: str) -> list[client.V1Pod]:
        """The pods of this name that run, by their names."""
        core, label = self.cluster.core, f"{NAME_LABEL}={name}"
        found = self.cluster.ask(core.list_namespaced_pod, self.cluster.namespace, label_selector=label).items
        return sorted((one for one in found if one.status.phase == "Running"), key=lambda one: one.metadata.name)

    def ended(self, job: str) -> str:
        """Complete or Failed, or empty where the Job still runs."""
        conditions = json.loads(self.kubectl("get", "job", job, "--output=json"))["status"].get("conditions", [])
        return "".join(one["type"] for one in conditions if one["type"] in ("Complete", "Failed"))


@contextmanager
def applied(name: str, kind: str, image: str, folder: Path) -> Iterator[Applied]:
    """deploy/kubernetes/`name`, whose pods are made by `kind`, with this image of the engine here."""
    for variable in NEEDED:
        if not os.environ.get(variable):
            skip(f"{variable} is not set (docs/scale.md).")
    cluster = Cluster(f"ghtest-{secrets.token_hex(3)}")
    registry = Registry(folder)
    with ExitStack() as stack:
        stack.callback(_untag, f"{registry.address}/user/{name}")
        stack.callback(registry.stop)
        registry.start()
        stack.enter_context(seen_by_nodes(registry.port))
        stack.callback(remove, cluster)
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = client.V1ObjectMeta(name=cluster.namespace, labels=labels)
        cluster.ask(cluster.core.create_namespace, client.V1Namespace(metadata=metadata))
        pushed, _, digest = push(image, f"{registry.address}/user/{name}", "test").partition("@")
        manifests = os.path.relpath(ROOT / "deploy" / "kubernetes" / name, folder.resolve())
        (folder / "kustomization.yaml").write_text(
            KUSTOMIZATION.format(
                namespace=cluster.namespace, manifests=manifests, name=name, image=pushed, digest=digest, kind=kind
            ),
            encoding="utf-8",
        )
        one = Applied(cluster)
        one.kubectl("apply", "--kustomize", str(folder))
        yield one


def _untag(repository: str) -> None:
    """The names for the registry go; the image stays, for the next test."""
    for name in docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", repository).split():
        docker("image", "rm", name)


def wait(look: Callable[[], object], seconds: float, what: str) -> None:
    """Look once a second until it is so. Raises AssertionError."""
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(1)
