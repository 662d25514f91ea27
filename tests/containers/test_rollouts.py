"""Deploys and rollbacks on a real engine under load: the short part of `make deploy-test`.

HAPROXY_IMAGE, PROMETHEUS_IMAGE and ALERTMANAGER_IMAGE name mirrors. Nothing started here is left.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.engine import EngineError, docker
from deploy.host.lock import LockedError, lock
from deploy.host.machine import SIDES
from tests.containers.conftest import Built
from tests.rollouts import scenarios
from tests.rollouts.arena import Arena, arena
from tests.rollouts.ssh_host import ssh_host, sshd

Limits = dict[str, object]


@pytest.fixture(scope="module")
def stage(built: Built) -> Iterator[Arena]:
    """A production with a release that serves and one before it: the first deploy to an empty host, and a second."""
    if not (shutil.which("docker-registry") or shutil.which("registry")):
        pytest.skip("no registry: neither docker-registry nor registry is on the PATH")
    with arena(built.image.reference) as made:
        scenarios.two_releases(made)
        yield made


@pytest.mark.image_store
def test_a_good_deploy_loses_no_request_and_moves_the_champion(
    stage: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = scenarios.good_deploy(stage, canary_seconds=3.0, least=1_000, rate=200.0, quiet_seconds=2.0)
    with capsys.disabled():
        print(f"\n  good deploy: {row.requests:,} requests, {row.failed} failed; {row.outcome}")


def test_in_place_of_another_project_a_deploy_is_the_first_and_says_so(stage: Arena) -> None:
    scenarios.another_project(stage)


@pytest.mark.image_store
@pytest.mark.parametrize(
    "what",
    [
        "wrong answers with status 200",
        "labelled by hand",
        "attested for another image",
        "production moved meanwhile",
        "built for another platform",
    ],
)
def test_a_bad_image_is_refused_and_the_old_one_serves(stage: Arena, what: str) -> None:
    (row,) = scenarios.REFUSALS[what](stage)
    assert row.exit_code == 3


@pytest.mark.image_store
def test_an_index_of_two_platforms_is_deployed_and_rolled_back_by_its_own_digest(stage: Arena) -> None:
    scenarios.index_of_two_platforms(stage)


def test_a_deployer_killed_in_mid_canary_is_noticed_by_no_client_and_converges(stage: Arena) -> None:
    scenarios.killed_at(stage, "canary 50 %")


@pytest.mark.image_store
def test_a_rollback_needs_no_registry_and_loses_no_request(stage: Arena) -> None:
    # How long it may take is for `make deploy-test` to say, on a machine that does nothing else.
    scenarios.rollback_without_registry(stage, within_seconds=60.0)


def test_a_host_is_reached_over_ssh_by_the_key_and_known_hosts_that_are_named(stage: Arena, tmp_path: Path) -> None:
    if not sshd():
        pytest.skip("no sshd: openssh-server is not installed")
    with ssh_host(tmp_path) as target:
        before = stage.state()
        done = stage.run("rollback", target=target)
        assert done.exit_code == 0, done.output
        assert before.previous is not None
        assert stage.state().current == before.previous
        assert not list(Path(tempfile.gettempdir()).glob("gatehouse-*/connection-*")), "the shared connection is ended"
        _, key = target["DEPLOY_KNOWN_HOSTS"].split(" ", 1)
        unknown = stage.run("rollback", target=dict(target) | {"DEPLOY_KNOWN_HOSTS": f"[127.0.0.1]:1 {key}"})
    assert unknown.exit_code == 1
    assert "host key" in unknown.output.lower()


def test_a_tag_instead_of_a_digest_is_wrong_usage(stage: Arena) -> None:
    done = stage.run("deploy", f"{stage.registry.address}/user/service:champion")
    assert done.exit_code == 2
    assert "is no digest" in done.reason


def test_both_sides_have_the_same_limits_and_nothing_of_this_checkout(stage: Arena) -> None:
    found = stage.host.inspect([name for side in SIDES.values() for name in side])
    assert len(found) == 4
    limits = [{key: one["HostConfig"][key] for key in ("NanoCpus", "Memory", "PidsLimit")} for one in found.values()]
    assert all(one == limits[0] for one in limits)
    assert min(limits[0].values()) > 0
    for name in (*found, "edge", "prometheus", "alertmanager", "drift"):
        mounts = stage.host.inspect([name])[name]["Mounts"]
        assert {one["Type"] for one in mounts} == {"volume"}, name


def test_the_admin_port_of_the_edge_is_open_to_its_own_container_only(stage: Arena) -> None:
    assert "9999/tcp" not in json.loads(
        docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", stage.host.name("edge"))
    )
    serving = stage.state().current
    assert serving is not None
    call = "import socket; socket.create_connection(('edge', 9999), 2)"
    with pytest.raises(EngineError, match="refused"):
        docker("exec", stage.host.name(SIDES[serving.side][0]), "python", "-c", call)


def test_a_live_owners_lock_is_not_taken_and_a_dead_ones_is(stage: Arena) -> None:
    image = stage.host.edge_image()
    with lock(stage.host, image, {}, "a test") as held:
        with pytest.raises(LockedError, match=r"for a test"), lock(stage.host, image, {}, "another"):
            pass
        held.check()
    name = f"{stage.host.project}-deploy-lock"
    docker("create", f"--name={name}", "--entrypoint=true", image)
    with (
        lock(stage.host, image, {}, "succession"),
        pytest.raises(LockedError, match="succession"),
        lock(stage.host, image, {}, "another"),
    ):
        pass


def test_the_releases_are_listed_with_when_why_and_what_was_measured(stage: Arena) -> None:
    done = stage.begin("releases").wait()
    assert done.exit_code == 0
    assert "(serves)" in done.output
    assert "by the test" in done.output
