"""Deploys and rollbacks on a real cluster under load, by the scenarios of the host's `make deploy-test`.

The table of docs/scale.md is made of what each of them prints.
"""

import time

import pytest

from deploy.rollout.steady_client import summary
from tests.rollouts import scenarios
from tests.rollouts.arena import between
from tests.rollouts.faults import SITES
from tests.rollouts.scenarios import Row
from tests.scale.kubernetes.arena import ClusterArena

LEAST_REQUESTS = 10_000
# As the host's, for fewer requests: with all the traffic each pod gets 60 a second, in the canary 30.
DIES_IN_THE_WATCH = """
import os, time
from collections import deque
from service.prediction.predictor import Predictor
good, seen = Predictor.one, deque(maxlen=200)
def one(self, *arguments):
    seen.append(time.monotonic())
    if len(seen) == seen.maxlen and seen[-1] - seen[0] < 4.0:
        os._exit(1)
    return good(self, *arguments)
Predictor.one = one
"""


def test_a_good_deploy_loses_no_request(stage: ClusterArena, told: list[Row]) -> None:
    wanted = scenarios.other(stage)
    with stage.client() as client:
        time.sleep(1)
        began = time.time()
        done = stage.run("deploy", wanted, canary_seconds=25.0, watch_seconds=25.0)
        time.sleep(5)
        seen = client.stop()
    assert done.exit_code == 0, done.output
    whole, after = summary(between(seen, began, time.time())), summary(between(seen, done.ended, time.time()))
    state = stage.state()
    assert state.current is not None
    assert state.current.image == wanted
    assert whole.failed == 0, whole.errors
    assert whole.requests >= LEAST_REQUESTS, whole.requests
    assert set(after.by_model) == {state.current.model}, after.by_model
    assert stage.champion() == wanted
    words = f"{after.requests} after its end, 0 by the old version; p50 {whole.p50_ms:g} ms, p99 {whole.p99_ms:g} ms"
    told.append(Row("good deploy", whole.requests, whole.failed, done.exit_code, done.seconds, words))


@pytest.mark.parametrize(
    "what",
    [
        "crashes at boot",
        "never ready",
        "wrong answers with status 200",
        "five times slower",
        "wrong digest",
        "labelled by hand",
        "attested for another image",
        "production moved meanwhile",
    ],
)
def test_a_bad_image_is_refused_and_no_request_fails(stage: ClusterArena, told: list[Row], what: str) -> None:
    (row,) = scenarios.REFUSALS[what](stage)
    assert row.exit_code == 3
    told.append(row)


def test_an_image_that_dies_in_the_watch_is_refused_and_no_request_fails(
    stage: ClusterArena, told: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of its pods end within seconds; the edge asks the old ones again for what they left unanswered."""
    name = "dies during the watch"
    monkeypatch.setitem(SITES, name, DIES_IN_THE_WATCH)
    stage.make_fault(name, "second" if scenarios.other(stage) == stage.versions["second"] else "first")
    before = stage.state_bytes()
    with stage.client() as client:
        time.sleep(1)
        done = stage.run("deploy", stage.versions[name], watch_seconds=30.0)
        time.sleep(3)
        seen = client.stop()
    assert done.exit_code == 3, done.output
    assert "] watch …" in done.output, done.output
    assert "ended by itself" in done.reason
    assert stage.state_bytes() == before
    whole, after = summary(between(seen, done.began, time.time())), summary(between(seen, done.ended, time.time()))
    state = stage.state()
    assert state.current is not None
    assert set(after.by_model) == {state.current.model}
    assert whole.failed == 0, whole.errors
    told.append(Row(name, whole.requests, whole.failed, done.exit_code, done.seconds, done.reason))


def test_a_rollback_serves_in_seconds_and_loses_no_request(stage: ClusterArena, told: list[Row]) -> None:
    told += scenarios.rollback_without_registry(stage, within_seconds=60.0)


def test_a_second_deployer_is_told_who_holds_the_lock(stage: ClusterArena, told: list[Row]) -> None:
    told += scenarios.two_at_once(stage)
