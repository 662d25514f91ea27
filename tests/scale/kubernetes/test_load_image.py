"""The image of the cluster's load test, on a container engine: with the commands, variables and rights of the Jobs."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml

from deploy.engine import NO_RIGHTS, EngineError, docker
from tests.rollouts.arena import ROOT
from tests.scale.kubernetes.load_image import LOGGED, REQUESTS, load_image, verdict_in
from tests.scale.kubernetes.own_image import wait

JOBS = ROOT / "deploy" / "kubernetes" / "load"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with load_image(tmp_path_factory.mktemp("load")) as name:
        yield name


@pytest.fixture
def network() -> Iterator[str]:
    name = f"gatehouse-load-{secrets.token_hex(4)}"
    docker("network", "create", name)
    yield name
    with suppress(EngineError):
        docker("rm", "--force", "--volumes", *(f"{name}-{pod}" for pod in ("load-master", "0", "1", "2")))
    docker("network", "rm", name)


def start(image: str, network: str, job: str, name: str) -> None:
    """A container as the job's pod has it: its command, variables, user and rights."""
    documents = [one for path in JOBS.glob("*.yaml") for one in yaml.safe_load_all(path.read_text())]
    (spec,) = [one["spec"] for one in documents if (one["kind"], one.get("metadata", {}).get("name")) == ("Job", job)]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    variables = {one["name"]: one.get("value", "") for one in container["env"]}
    docker(
        "run", "--detach", f"--name={network}-{name}", f"--hostname={name}", f"--network={network}",
        f"--network-alias={name}", *NO_RIGHTS, f"--user={pod['securityContext']['runAsUser']}",
        *(f"--tmpfs={mount['mountPath']}:mode=1777" for mount in container["volumeMounts"]),
        *(f"--env={key}={value}" for key, value in variables.items() if "$" not in value and key != "POD_IP"),
        f"--entrypoint={container['command'][0]}", image, *_in_container(container["command"][1:]),
    )  # fmt: skip


def _in_container(command: list[Any]) -> list[str]:
    """A pod is told its address in a variable; a container asks for it."""
    return [f"export LOAD_LISTEN=$(hostname -i):5557\n{one}" if "\n" in one else one for one in command]


def ended(network: str, name: str) -> tuple[int, str]:
    """The exit code and what was said."""
    code = int(docker("wait", f"{network}-{name}"))
    said = subprocess.run(
        ["docker", "logs", f"{network}-{name}"], capture_output=True, text=True, errors="replace", check=True
    )
    return code, said.stdout + said.stderr


def start_all(image: str, network: str) -> None:
    start(image, network, "load-master", "load-master")
    for number in range(3):
        start(image, network, "load-worker", str(number))


def test_master_and_three_workers_end_in_one_verdict(image: str, network: str) -> None:
    start_all(image, network)
    code, said = ended(network, "load-master")
    assert code == 0, said
    verdict = verdict_in(said)
    assert (verdict["verdict"], verdict["requests"], verdict["failures"]) == ("pass", REQUESTS, 0)
    assert [ended(network, str(number))[0] for number in range(3)] == [0, 0, 0]


def test_a_worker_that_is_killed_under_load_leaves_no_verdict_and_is_named(image: str, network: str) -> None:
    start_all(image, network)
    wait(
        lambda: int(docker("exec", f"{network}-load-master", "sh", "-c", LOGGED)) > REQUESTS // 10, 300,
        "requests in the service's log",
    )  # fmt: skip
    docker("kill", f"{network}-1")
    code, said = ended(network, "load-master")
    assert code == 3, said
    assert "unmeasured" in said
    assert "The worker 1:" in said
