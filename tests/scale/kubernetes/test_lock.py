"""The lock and the state in a real cluster: KUBECONFIG names it."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kubernetes import client

from contracts.release import Release, State
from deploy.engine import EngineError
from deploy.host.lock import LockedError
from deploy.kubernetes.cluster import Cluster
from deploy.kubernetes.lease import LEASE_SECONDS, NAME, lock
from deploy.kubernetes.state import read_state, write_state
from testbed.programs import eventually
from tests.rollouts.arena import ROOT
from tests.scale.s3_server import skip

HOLD = """
import sys
from deploy.kubernetes.lease import lock
with lock(sys.argv[1], "a test"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A namespace of its own."""
    if not os.environ.get("KUBECONFIG"):
        skip("KUBECONFIG is not set (docs/scale.md).")
    made = Cluster(f"ghtest-{secrets.token_hex(3)}")
    made.ask(made.core.create_namespace, client.V1Namespace(metadata=client.V1ObjectMeta(name=made.namespace)))
    try:
        yield made
    finally:
        made.ask(made.core.delete_namespace, made.namespace)


@pytest.fixture
def holder(cluster: Cluster) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, cluster.namespace],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_live_owners_lock_is_not_taken_and_the_owner_is_named(
    cluster: Cluster, holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(LockedError, match=rf"\(process {holder.pid}\).*for a test"), lock(cluster.namespace, "another"):
        pass


def test_a_released_lock_is_free_at_once(cluster: Cluster, holder: "subprocess.Popen[str]") -> None:
    holder.communicate(timeout=30)
    with lock(cluster.namespace, "the next") as held:
        held.check()


def test_a_dead_owners_lock_is_taken_when_it_has_run_out(cluster: Cluster, holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.wait()
    with lock(cluster.namespace, "the next") as held:
        assert held.lease.spec.lease_duration_seconds == LEASE_SECONDS
        assert f"(process {os.getpid()})" in held.lease.spec.holder_identity


def test_a_lock_that_was_taken_by_force_is_noticed(cluster: Cluster) -> None:
    with lock(cluster.namespace, "a test") as held:
        cluster.ask(cluster.leases.delete_namespaced_lease, NAME, cluster.namespace)
        eventually(lambda: held.lost, "the loss is noticed")
        with pytest.raises(EngineError, match="is lost"):
            held.check()


def test_the_state_is_what_was_written(cluster: Cluster) -> None:
    assert read_state(cluster) == State()
    for side in ("blue", "green"):
        state = State(
            current=Release.model_validate({"image": "i", "model": "m", "revision": "", "decision": "d", "side": side})
        )
        write_state(cluster, state)
        assert read_state(cluster) == state
