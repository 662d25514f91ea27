"""The load test as Jobs: one master and indexed workers, beside what a deploy applies."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.kubernetes.test_manifests import MANIFESTS, NO_RIGHTS, OVERLAYS, ROOT, documents, one_of

LOAD = MANIFESTS / "load"


def job(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = one_of("Job", name, "load")["spec"]
    return spec


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = job(name)["template"]["spec"]
    return spec


def variables(name: str) -> dict[str, str]:
    (container,) = pod(name)["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_the_master_waits_for_as_many_workers_as_there_are_pods() -> None:
    workers = job("load-worker")
    assert workers["completionMode"] == "Indexed"
    assert workers["parallelism"] == workers["completions"] == int(variables("load-master")["LOAD_WORKERS"]) == 3


def test_workers_find_the_master_where_it_listens() -> None:
    service = one_of("Service", "load-master", "load")["spec"]
    (port,) = service["ports"]
    assert variables("load-worker")["LOAD_MASTER"] == f"load-master:{port['port']}"
    assert variables("load-master")["LOAD_LISTEN"] == f"$(POD_IP):{port['port']}"
    assert service["selector"] == job("load-master")["template"]["metadata"]["labels"]
    assert service["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("name", ["load-master", "load-worker"])
def test_nothing_is_tried_twice_and_no_job_runs_for_ever(name: str) -> None:
    assert job(name)["backoffLimit"] == 0
    assert pod(name)["restartPolicy"] == "Never"
    assert float(variables("load-master")["LOAD_WAIT_SECONDS"]) < job(name)["activeDeadlineSeconds"] <= 3600


@pytest.mark.parametrize("name", ["load-master", "load-worker"])
def test_a_pod_has_no_rights_bounded_memory_and_no_limit_on_its_cpu(name: str) -> None:
    one = pod(name)
    assert one["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["automountServiceAccountToken"] is False
    (container,) = one["containers"]
    assert container["securityContext"] == NO_RIGHTS
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert set(container["resources"]["limits"]) == {"memory"}


def test_both_run_what_the_image_has_as_its_user() -> None:
    text = (LOAD / "Dockerfile").read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+):\d+$", text, re.M)
    for name in ("load-master", "load-worker"):
        assert pod(name)["securityContext"]["runAsUser"] == int(user)
        (container,) = pod(name)["containers"]
        for script in re.findall(r"load-tests/\w+\.py", " ".join(container["command"])):
            assert (ROOT / script).exists()


def test_workers_reach_the_master_and_names_and_nothing_else() -> None:
    policy = one_of("NetworkPolicy", "load-worker", "load")["spec"]
    assert policy["policyTypes"] == ["Egress"]
    assert [[next(iter(one)) for one in rule["to"]] for rule in policy["egress"]] == [
        ["podSelector"],
        ["namespaceSelector"],
    ]
    assert {one["port"] for one in policy["egress"][1]["ports"]} == {53}
    (allowed,) = one_of("NetworkPolicy", "load-master", "load")["spec"]["ingress"]
    assert allowed == {"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "load-worker"}}}]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_deploy_applies_it(overlay: str) -> None:
    assert "../load" not in (MANIFESTS / overlay / "kustomization.yaml").read_text(encoding="utf-8")
    assert "Job" not in {one["kind"] for one in documents("base", overlay)}


def test_an_image_is_named_by_a_kustomization_of_ones_own(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on the PATH")
    shutil.copytree(LOAD, tmp_path / "load")
    own = {"resources": ["load"], "images": [{"name": "load", "newName": "user/load", "digest": f"sha256:{'a' * 64}"}]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    done = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True)
    made = [one for one in yaml.safe_load_all(done.stdout) if one["kind"] == "Job"]
    images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in made]
    assert images == [f"user/load@sha256:{'a' * 64}"] * 2
    assert {one["metadata"]["namespace"] for one in made} == {"gatehouse"}
