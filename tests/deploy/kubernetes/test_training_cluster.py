"""The Dask cluster for one run: nobody but workers reaches its scheduler, and its pods have no rights."""

import re
from typing import Any

import pytest

from tests.deploy.kubernetes.test_manifests import MANIFESTS, NO_RIGHTS, OVERLAYS, one_of

PLACE = MANIFESTS / "training"
BOTH = ["training-scheduler", "training-worker"]


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = one_of("Deployment", name, "training")["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    (one,) = pod(name)["containers"]
    found: dict[str, Any] = one
    return found


def policy(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = one_of("NetworkPolicy", name, "training")["spec"]
    return spec


@pytest.mark.parametrize("name", BOTH)
def test_a_pod_has_no_rights_bounded_memory_and_the_images_user(name: str) -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (PLACE / "Dockerfile").read_text(encoding="utf-8"), re.M)
    one = pod(name)
    assert one["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["runAsUser"] == int(user)
    assert one["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["automountServiceAccountToken"] is False
    assert container(name)["securityContext"] == NO_RIGHTS
    assert container(name)["imagePullPolicy"] == "IfNotPresent"
    assert set(container(name)["resources"]["limits"]) == {"memory"}


def test_workers_find_the_scheduler_where_it_listens() -> None:
    service = one_of("Service", "training-scheduler", "training")["spec"]
    (port,) = service["ports"]
    assert f"tcp://training-scheduler:{port['port']}" in container("training-worker")["command"]
    assert str(port["port"]) in container("training-scheduler")["command"]
    template = one_of("Deployment", "training-scheduler", "training")["spec"]["template"]
    assert service["selector"] == template["metadata"]["labels"]


def test_a_worker_fits_one_at_a_time_on_one_core() -> None:
    assert "--nthreads=1" in container("training-worker")["command"]
    assert container("training-worker")["resources"]["requests"]["cpu"] == "1"


def test_nobody_reaches_the_scheduler_but_workers() -> None:
    (allowed,) = policy("training-scheduler")["ingress"]
    assert allowed["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "training-worker"}}}]
    assert [one["port"] for one in allowed["ports"]] == [8786]


def test_workers_reach_each_other_at_the_port_that_they_listen_on() -> None:
    (listens,) = [one for one in container("training-worker")["command"] if one.startswith("--worker-port=")]
    port = int(listens.partition("=")[2])
    (allowed,) = policy("training-worker")["ingress"]
    assert [one["port"] for one in allowed["ports"]] == [port]
    left = [one["port"] for rule in policy("training-worker")["egress"] for one in rule["ports"]]
    assert left == [8786, port, 53, 53]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_deploy_applies_it(overlay: str) -> None:
    assert "../training" not in (MANIFESTS / overlay / "kustomization.yaml").read_text(encoding="utf-8")
