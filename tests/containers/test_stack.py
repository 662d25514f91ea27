"""compose.yaml on a real engine: up, answering, watched; a replica is killed, which is noticed, and forgotten again.

IMAGE names an image with the tiny model; otherwise one is built. HAPROXY_IMAGE, PROMETHEUS_IMAGE and ALERTMANAGER_IMAGE
name mirrors. Grafana is left out: its queries are proved in tests/monitoring. Nothing started here is left.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.schema import write_json
from testbed.programs import ask, eventually, fetch, run, status_of
from testbed.serving import ROW, load
from tests.containers.conftest import ROOT, Built, variant
from tests.monitoring.test_verdict_metrics import verdict

COMPOSE = ROOT / "compose.yaml"
STARTED = ("edge", "drift", "prometheus", "alertmanager")
HARDENED = ("replica-1", "replica-2", "edge", "drift", "prometheus", "alertmanager")
# What the operator must give; the rest has a default.
REQUIRED = {"IMAGE": "service@sha256:0", "GRAFANA_PASSWORD": "for-a-test"}


@dataclass(frozen=True)
class Stack:
    """A project of Docker Compose, by the name and the environment that it was started with."""

    project: str
    environment: dict[str, str]

    def compose(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        done = run("docker", "compose", "-f", COMPOSE, "-p", self.project, *arguments, env=self.environment)
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done

    def url(self, service: str, port: int) -> str:
        return f"http://{self.compose('port', service, str(port)).stdout.strip()}"

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        described: dict[str, Any] = json.loads(run("docker", "inspect", container).stdout)[0]
        return described


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but Grafana, ready, on ports that the engine chose."""
    folder = tmp_path_factory.mktemp("drift")
    folder.chmod(0o755)
    write_json(folder / "verdict.json", verdict())
    made = run(
        sys.executable, "-m", "monitoring.verdict_metrics", folder / "verdict.json", folder / "drift.txt", cwd=ROOT
    )
    assert made.returncode == 0, made.stderr
    image = os.environ.get("IMAGE") or request.getfixturevalue("built").image.reference
    environment = {"IMAGE": image, "GRAFANA_PASSWORD": "for-a-test", "DRIFT_PAGE": str(folder)}
    environment |= {f"{name}_PORT": "0" for name in ("EDGE", "EDGE_TLS", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
    started = Stack(
        f"gatehouse-test-{secrets.token_hex(4)}", environment | {"PATH": os.environ["PATH"]} | named_images()
    )
    try:
        started.compose("up", "--detach", "--wait", "--wait-timeout", "120", *STARTED)
        yield started
    finally:
        started.compose("down", "--volumes", "--timeout", "5")


def named_images() -> dict[str, str]:
    """The mirrors that this machine names, and what the engine's own command line needs."""
    names = ("HAPROXY_IMAGE", "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE", "DOCKER_HOST", "HOME")
    return {name: os.environ[name] for name in names if name in os.environ}


def configured(**environment: str) -> "subprocess.CompletedProcess[str]":
    return run(
        "docker", "compose", "-f", COMPOSE, "config", "--format", "json", env={"PATH": os.environ["PATH"]} | environment
    )


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_what_is_required_is_asked_for_by_its_name(missing: str) -> None:
    refused = configured(**{name: value for name, value in REQUIRED.items() if name != missing})
    assert refused.returncode != 0
    assert missing in refused.stderr


def test_every_image_is_pinned_and_every_service_bounded_and_without_rights() -> None:
    services = json.loads(configured(**REQUIRED).stdout)["services"]
    assert len(services) == 7
    for name, service in services.items():
        assert re.search(r"@sha256:[0-9a-f]+$", service["image"]), name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name


def test_no_password_stands_in_the_file() -> None:
    for line in COMPOSE.read_text().splitlines():
        if re.search(r"password|secret|token|_key\b", line.split("#")[0], re.I) and ":" in line:
            assert re.search(r"\$\{|secrets: ?|^secrets:|^\s+\w+: \{file", line), line


def test_a_prediction_comes_through_the_edge_and_into_the_shared_log(stack: Stack) -> None:
    edge = stack.url("edge", 8080)
    ids = {fetch(f"{edge}/predict", ROW)["id"] for _ in range(4)}
    read = "import pathlib; print(*(path.read_text() for path in pathlib.Path('/requests').glob('predictions-*')))"
    for replica in ("replica-1", "replica-2"):
        logged = stack.compose("exec", "-T", replica, "python", "-c", read).stdout
        assert {one for one in ids if one in logged} == ids


def test_what_is_for_the_inside_is_not_to_be_had_from_outside(stack: Stack) -> None:
    edge = stack.url("edge", 8080)
    assert status_of(f"{edge}/metrics") == 404
    assert status_of(f"{edge}/requests") == 404


@pytest.mark.parametrize("service", HARDENED)
def test_a_container_runs_without_rights_and_within_limits(stack: Stack, service: str) -> None:
    host = stack.inspect(service)["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0


@pytest.mark.parametrize("replica", ["replica-1", "replica-2"])
def test_a_replica_is_not_root_and_cannot_call_anybody_outside(stack: Stack, replica: str) -> None:
    assert stack.inspect(replica)["Config"]["User"] == "10001:10001"
    call = "import socket; socket.create_connection(('1.1.1.1', 443), 2)"
    refused = run("docker", "exec", stack.inspect(replica)["Id"], "python", "-c", call)
    assert refused.returncode != 0
    assert "OSError" in refused.stderr or "TimeoutError" in refused.stderr


def test_the_edge_starts_when_the_replicas_are_healthy(stack: Stack) -> None:
    gates = json.loads(configured(**REQUIRED).stdout)["services"]["edge"]["depends_on"]
    assert {gate["condition"] for gate in gates.values()} == {"service_healthy"}
    # The other one may have been killed and started anew since.
    assert stack.inspect("replica-2")["State"]["StartedAt"] < stack.inspect("edge")["State"]["StartedAt"]
    assert all(stack.inspect(name)["State"]["Health"]["Status"] == "healthy" for name in ("edge", *gates))


def test_a_bad_model_folder_keeps_the_edge_from_starting(built: Built) -> None:
    damaged = variant(built.image.reference, "USER 0", "RUN printf x >> /model/model.onnx", "USER 10001")
    with damaged as image:
        environment = {"IMAGE": image, "GRAFANA_PASSWORD": "for-a-test", "EDGE_PORT": "0", "EDGE_TLS_PORT": "0"}
        bad = Stack(
            f"gatehouse-test-{secrets.token_hex(4)}", environment | {"PATH": os.environ["PATH"]} | named_images()
        )
        command = ("docker", "compose", "-f", COMPOSE, "-p", bad.project)
        try:
            up = run(*command, "up", "--detach", "--wait", "--wait-timeout", "30", "edge", env=bad.environment)
            assert up.returncode != 0
            assert not bad.inspect("edge")["State"]["Running"]
            assert "it was changed" in bad.compose("logs", "replica-1").stdout
        finally:
            bad.compose("down", "--volumes", "--timeout", "5")


def test_prometheus_reaches_every_target(stack: Stack) -> None:
    prometheus = stack.url("prometheus", 9090)
    eventually(lambda: len(ask(prometheus, "up == 1")) == 6 or None, "6 targets are up", seconds=90)
    assert ask(prometheus, "up == 0") == []


def alerts_at(alertmanager: str) -> set[tuple[str, str]]:
    active = fetch(f"{alertmanager}/api/v2/alerts?active=true")
    return {(one["labels"]["alertname"], one["labels"].get("instance", "")) for one in active}


def test_a_killed_replica_costs_no_request_is_noticed_and_forgotten_when_it_is_back(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    edge, alertmanager = stack.url("edge", 8080), stack.url("alertmanager", 9093)
    gone = ("TargetDown", "replica-1:8000")
    assert gone not in alerts_at(alertmanager)
    with load(edge) as client:
        stack.compose("kill", "replica-1")
        killed = time.monotonic()
        eventually(lambda: gone in alerts_at(alertmanager), "TargetDown at Alertmanager", seconds=120)
        noticed = time.monotonic()
        assert ("Watchdog", "") in alerts_at(alertmanager)
        stack.compose("start", "replica-1")
        eventually(lambda: gone not in alerts_at(alertmanager), "silence at Alertmanager", seconds=60)
        forgotten = time.monotonic()
        assert client.failure is None
    assert client.answered > 100
    with capsys.disabled():
        print(
            f"\na killed replica: noticed after {noticed - killed:.0f} s, forgotten {forgotten - noticed:.0f} s later,"
            f" once it was back; {client.answered} requests answered meanwhile, 0 lost"
        )


def test_everything_is_a_file_of_the_repository_or_a_volume() -> None:
    services = json.loads(configured(**REQUIRED).stdout)["services"]
    bound = [
        volume["source"] for one in services.values() for volume in one.get("volumes", []) if volume["type"] == "bind"
    ]
    assert all(Path(source).exists() for source in bound)
