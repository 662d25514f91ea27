"""The manifests of an overlay, as `kubectl kustomize` renders them: what a deploy applies."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts.exits import UsageError
from contracts.release import Side

SERVICE, CONTAINER, EDGE = "service", "service", "edge"
NAME_LABEL, SIDE_LABEL = "app.kubernetes.io/name", "gatehouse/side"
SIDES: tuple[Side, Side] = ("blue", "green")
Document = dict[str, Any]


class ManifestError(UsageError):
    """The overlay cannot be rendered, or lacks something that a deploy sets."""


@dataclass(frozen=True)
class Manifests:
    """The rendered documents: `sides` are the Deployments, between which a deploy moves the `scaler`.

    `service`: where clients call. Applied last, when the edge is there.
    """

    namespace: str
    sides: Mapping[Side, Document]
    service: Document
    scaler: Document
    others: tuple[Document, ...]

    @property
    def least_replicas(self) -> int:
        return int(self.scaler["spec"].get("minReplicas", 1))

    def for_side(self, side: Side, image: str, replicas: int) -> Document:
        """The Deployment of this side with this image."""
        document: Document = yaml.safe_load(yaml.safe_dump(self.sides[side]))
        document["spec"]["replicas"] = replicas
        for container in document["spec"]["template"]["spec"]["containers"]:
            if container["name"] == CONTAINER:
                container["image"] = image
        return document


def deployment_of(side: Side) -> str:
    """The name of a side's Deployment."""
    return f"{SERVICE}-{side}"


def render(overlay: Path) -> Manifests:
    """Render an overlay. Raises ManifestError."""
    if not (overlay / "kustomization.yaml").exists():
        raise ManifestError(
            f"{overlay} has no kustomization.yaml; required in KUBERNETES_OVERLAY: a folder such as "
            "deploy/kubernetes/production, or your own copy of it."
        )
    try:
        done = subprocess.run(
            ["kubectl", "kustomize", str(overlay)], capture_output=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise ManifestError(
            "There is no `kubectl` on the PATH. Install it: https://kubernetes.io/docs/tasks/tools/"
        ) from None
    if done.returncode != 0:
        raise ManifestError(f"`kubectl kustomize {overlay}` failed: {done.stderr.strip()}")
    return sorted_out([one for one in yaml.safe_load_all(done.stdout) if one])


def sorted_out(documents: list[Document]) -> Manifests:
    """The documents by what a deploy does with them. Raises ManifestError if one that it sets is missing."""
    named = {(one["kind"], one["metadata"]["name"]): one for one in documents}

    def take(kind: str, name: str) -> Document:
        try:
            return named.pop((kind, name))
        except KeyError:
            raise ManifestError(
                f"The overlay has no {kind} {name}, which a deploy sets. Base it on deploy/kubernetes/base."
            ) from None

    sides = {side: take("Deployment", deployment_of(side)) for side in SIDES}
    service, scaler = take("Service", SERVICE), take("HorizontalPodAutoscaler", SERVICE)
    if ("Deployment", EDGE) not in named:
        take("Deployment", EDGE)
    return Manifests(service["metadata"].get("namespace", "default"), sides, service, scaler, tuple(named.values()))
