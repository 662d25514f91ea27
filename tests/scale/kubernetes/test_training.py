"""Training on a Dask cluster that lives in Kubernetes for one run: the same bytes as in that image on one machine."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.engine import EngineError, NoEngineError, docker
from deploy.kubernetes.manifests import NAME_LABEL
from tests.containers.conftest import free_port
from tests.rollouts.arena import ROOT
from tests.scale.kubernetes.node import kill_processes
from tests.scale.kubernetes.own_image import Applied, applied, wait
from tests.scale.s3_server import skip
from tests.scale.trained import Trained, trained

PORT = 8786
# A network plugin may refuse what a new pod sends until its policies are in place.
CALL = """
import socket, sys, time
for _ in range(15):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
        sys.exit()
    except OSError:
        time.sleep(1)
sys.exit("no way in")
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    try:
        docker("version")
    except (EngineError, NoEngineError):
        skip("No container engine answers.")
    name = f"gatehouse-training:test-{secrets.token_hex(4)}"
    subprocess.run(["make", "training-image"], cwd=ROOT, env=os.environ | {"TRAINING_IMAGE": name}, check=True)
    yield name
    docker("image", "rm", "--force", name)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights, read and split."""
    folder = tmp_path_factory.mktemp("build")
    subprocess.run([sys.executable, "-m", "training", "data", "--build", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def alone(image: str, build: Path) -> Trained:
    """Trained on this machine."""
    return trained_in(image, build)


@pytest.fixture(scope="module")
def workers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """A scheduler and three workers."""
    with applied("training", "Deployment", image, tmp_path_factory.mktemp("training")) as one:
        one.kubectl("wait", "--for=condition=available", "--timeout=240s", "deployment", "--all")
        yield one


def trained_in(image: str, build: Path, address: str = "", when_fitting: Callable[[], object] | None = None) -> Trained:
    """What `make train-in-image` trains on the cluster at `address`, or in the image alone."""
    environment = os.environ | {"TRAINING_IMAGE": image, "TRAINING_CLUSTER": address}
    return trained(["make", "train-in-image", f"BUILD={build}"], environment, build, when_fitting)


@contextmanager
def forwarded(workers: Applied) -> Iterator[str]:
    """The scheduler's address, on this machine."""
    port = free_port()
    command = ["kubectl", f"--namespace={workers.cluster.namespace}", "port-forward", "service/training-scheduler"]
    with subprocess.Popen([*command, f"{port}:{PORT}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "Forwarding" in process.stdout.readline()
            yield f"tcp://127.0.0.1:{port}"
        finally:
            process.kill()


def test_three_worker_pods_train_the_same_bytes_as_one_machine(
    image: str, build: Path, alone: Trained, workers: Applied, capsys: pytest.CaptureFixture[str]
) -> None:
    with forwarded(workers) as address:
        by_three = trained_in(image, build, address)
    assert by_three.files == alone.files
    with capsys.disabled():
        print(f"\n  search: three worker pods {by_three.seconds:.1f} s, this machine {alone.seconds:.1f} s", end="")


def test_a_worker_pod_that_is_killed_half_way_changes_no_byte(
    image: str, build: Path, alone: Trained, workers: Applied
) -> None:
    lost = workers.pods("training-worker")[0].metadata.name
    with forwarded(workers) as address:
        left = trained_in(image, build, address, lambda: kill_processes(workers.pods("training-worker")[0]))
    assert left.files == alone.files
    wait(lambda: restarts(workers, lost) == 1, 60, "the kubelet starts the worker again")


def restarts(workers: Applied, name: str) -> int:
    (found,) = [one for one in workers.pods("training-worker") if one.metadata.name == name]
    count: int = found.status.container_statuses[0].restart_count
    return count


@pytest.mark.parametrize(("name", "outcome"), [("training-worker", "Succeeded"), ("stranger", "Failed")])
def test_nobody_but_a_worker_reaches_the_scheduler(workers: Applied, name: str, outcome: str) -> None:
    """Whoever reaches it runs code on the workers."""
    (scheduler,) = workers.pods("training-scheduler")
    container = {
        "name": "caller", "image": scheduler.spec.containers[0].image,
        "command": ["python", "-c", CALL, scheduler.status.pod_ip, str(PORT)],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    spec = {
        "restartPolicy": "Never", "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }  # fmt: skip
    metadata = {"name": f"caller-{name}", "labels": {NAME_LABEL: name}}
    core, namespace = workers.cluster.core, workers.cluster.namespace
    workers.cluster.ask(core.create_namespaced_pod, namespace, {"metadata": metadata, "spec": spec})

    def phase() -> str:
        found: str = workers.cluster.ask(core.read_namespaced_pod, metadata["name"], namespace).status.phase
        return found

    wait(lambda: phase() in ("Succeeded", "Failed"), 120, "the calls have ended")
    said = workers.kubectl("logs", f"caller-{name}")
    assert phase() == outcome, said
    assert ("no way in" in said) == (outcome == "Failed"), said
