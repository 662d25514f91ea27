"""The manifests as they are written, and as kustomize renders them where there is a kubectl."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.exits import UsageError
from deploy.kubernetes import rules
from deploy.kubernetes.manifests import ManifestError, Manifests, render, sorted_out
from deploy.rollout.command import place_of
from service.settings import Settings

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("laptop", "production")
NO_RIGHTS = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def documents(*places: str) -> Iterator[dict[str, Any]]:
    """Every document of these folders, without kustomize's own."""
    for place in places:
        for path in sorted((MANIFESTS / place).rglob("*.yaml")):
            for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                if one["apiVersion"].partition("/")[0] != "kustomize.config.k8s.io":
                    yield one


def one_of(kind: str, name: str, *places: str) -> dict[str, Any]:
    (found,) = [one for one in documents(*places) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def service_pod() -> dict[str, Any]:
    spec: dict[str, Any] = one_of("Deployment", "service", "base")["spec"]["template"]["spec"]
    return spec


def settings() -> dict[str, str]:
    text = yaml.safe_load((MANIFESTS / "base" / "kustomization.yaml").read_text())
    (generated,) = [one for one in text["configMapGenerator"] if one["name"] == "service-settings"]
    return dict(one.split("=", 1) for one in generated["literals"])


def test_the_rules_are_those_of_compose() -> None:
    assert rules.GENERATED.read_text(encoding="utf-8") == rules.rules_text(), "run `make kubernetes-rules`"


def test_every_alert_of_compose_is_in_the_rules() -> None:
    def alerts(groups: list[dict[str, Any]]) -> list[str]:
        return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]

    ours = [
        name
        for one in documents("operator")
        if one["kind"] == "PrometheusRule"
        for name in alerts(one["spec"]["groups"])
    ]
    named = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())["rule_files"]
    theirs = [
        name for path in named for name in alerts(yaml.safe_load((ROOT / "monitoring" / path).read_text())["groups"])
    ]
    assert sorted(ours) == sorted(theirs)
    assert len(ours) > 10


def test_a_rule_that_is_replaced_but_has_changed_is_refused(tmp_path: Path) -> None:
    for path in rules.RULES.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text().replace('{job="edge"}', '{job="entry"}'))
    with pytest.raises(UsageError, match="REPLACED"):
        rules.rules_text(tmp_path)


@pytest.mark.parametrize("place", ["base", "laptop"])
def test_every_container_has_no_rights_and_bounded_memory(place: str) -> None:
    seen = 0
    for one in documents(place):
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in pod["containers"]:
                assert container["securityContext"] == NO_RIGHTS
                assert container["imagePullPolicy"] == "IfNotPresent"
                assert {"cpu", "memory"} == set(container["resources"]["requests"])
                assert "memory" in container["resources"]["limits"]
                seen += 1
    assert seen


def test_no_image_has_a_tag_that_moves() -> None:
    for one in documents("base", *OVERLAYS):
        if one["kind"] == "Deployment":
            for container in one["spec"]["template"]["spec"]["containers"]:
                assert container["image"] == "set-by-make-deploy" or "@sha256:" in container["image"]


def test_the_namespace_enforces_the_restricted_standard() -> None:
    labels = one_of("Namespace", "gatehouse", "base")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_goes_before_another_has_come() -> None:
    strategy = one_of("Deployment", "service", "base")["spec"]["strategy"]
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_start_readiness_and_life_are_asked_apart() -> None:
    (container,) = service_pod()["containers"]
    assert container["startupProbe"]["httpGet"]["path"] == container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    life = container["livenessProbe"]
    assert life["periodSeconds"] * life["failureThreshold"] >= 60


def test_a_pod_has_time_to_leave_to_drain_and_to_finish() -> None:
    pod = service_pod()
    (container,) = pod["containers"]
    told = Settings.model_validate(
        {name.lower(): value for name, value in settings().items()} | {"model_dir": "/model"}
    )
    leaves = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert leaves >= 3
    assert leaves + told.drain_seconds + told.grace_seconds < pod["terminationGracePeriodSeconds"]


def test_the_settings_are_the_services_own_names() -> None:
    assert set(settings()) <= {name.upper() for name in Settings.model_fields}
    assert settings()["REQUEST_LOG_DIR"] in [one["mountPath"] for one in service_pod()["containers"][0]["volumeMounts"]]


def test_the_pods_run_as_the_images_user() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (ROOT / "Dockerfile").read_text(), re.M)
    assert service_pod()["securityContext"]["runAsUser"] == int(user)


def test_nothing_enters_or_leaves_but_what_a_policy_names() -> None:
    refused = one_of("NetworkPolicy", "nothing", "base")["spec"]
    assert refused == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    calls = one_of("NetworkPolicy", "calls", "base")["spec"]
    assert calls["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "edge"}}
    assert [one["from"] for one in calls["ingress"]] == [
        [{"namespaceSelector": {"matchLabels": {"gatehouse/may-call": "service"}}}]
    ]
    assert named_in("pods-from-edge") == {"service", "edge"}


def named_in(policy: str) -> set[str]:
    return set(re.findall(r"app.kubernetes.io/name': '(\w+)'", str(one_of("NetworkPolicy", policy, "base"))))


@pytest.mark.parametrize(("name", "place"), [("prometheus", "laptop"), ("edge", "base")])
def test_prometheus_and_the_edge_are_those_of_compose(name: str, place: str) -> None:
    image = one_of("Deployment", name, place)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image in (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_the_edge_has_a_place_for_as_many_pods_as_an_overlay_may_start() -> None:
    (found,) = re.findall(r"EDGE_PODS=(\d+)", (MANIFESTS / "base" / "kustomization.yaml").read_text())
    for overlay in OVERLAYS:
        most = rendered(overlay).scaler["spec"]["maxReplicas"]
        # One more during a rolling update by hand.
        assert most < int(found), overlay


def test_the_edge_has_time_to_leave_and_to_finish() -> None:
    pod = one_of("Deployment", "edge", "base")["spec"]["template"]["spec"]
    (seconds,) = re.findall(r"hard-stop-after (\d+)s", (ROOT / "deploy" / "edge" / "haproxy.cfg").read_text())
    leaves = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert leaves + int(seconds) < pod["terminationGracePeriodSeconds"]


def test_every_file_is_part_of_a_kustomization() -> None:
    for folder in {path.parent for path in MANIFESTS.rglob("*.yaml")}:
        told = yaml.safe_load((folder / "kustomization.yaml").read_text())
        generated = [file for one in told.get("configMapGenerator", []) for file in one.get("files", [])]
        listed = {*told.get("resources", []), *generated, "kustomization.yaml"}
        assert {path.name for path in (*folder.glob("*.yaml"), *folder.glob("*.yml"))} <= listed, folder
        for other in (*told.get("resources", []), *told.get("components", [])):
            assert (folder / other).exists(), f"{folder}: {other}"


def rendered(overlay: str) -> Manifests:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on the PATH")
    return render(MANIFESTS / overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_all_that_a_deploy_sets(overlay: str) -> None:
    made = rendered(overlay)
    assert made.namespace == "gatehouse"
    kinds = {one["kind"] for one in made.others}
    assert {"Namespace", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"} <= kinds
    assert ("PrometheusRule" in kinds) == ("ServiceMonitor" in kinds) == (overlay == "production")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_one_side_gets_the_image_and_the_other_keeps_its_own(overlay: str) -> None:
    made = rendered(overlay)
    green = made.for_side("green", "name@sha256:1", 3)
    assert green["metadata"]["name"] == "service-green"
    assert green["spec"]["template"]["spec"]["containers"][0]["image"] == "name@sha256:1"
    assert green["spec"]["selector"]["matchLabels"] == green["spec"]["template"]["metadata"]["labels"]
    for one in made.sides.values():
        assert one["spec"]["template"]["spec"]["containers"][0]["image"] == "set-by-make-deploy"
        assert one["spec"]["replicas"] == 0


def test_an_overlay_without_what_a_deploy_sets_is_refused() -> None:
    with pytest.raises(ManifestError, match="no Deployment service-blue"):
        sorted_out([one_of("Service", "service", "base")])


def test_a_folder_that_is_no_overlay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="KUBERNETES_OVERLAY"):
        render(tmp_path)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"DEPLOY_TARGET": "cluster"}, "host or kubernetes"),
        ({"DEPLOY_TARGET": "kubernetes", "DOCKER_HOST": "ssh://deploy@host"}, "one of the two"),
    ],
)
def test_an_unknown_or_twofold_target_is_refused(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        place_of(environment)
