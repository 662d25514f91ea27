"""What `make deploy-test` shows, one function a scenario: rows of the table, or AssertionError with what was seen."""

import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from deploy.engine import docker, engine_platform
from deploy.registry.attestation import tag_of
from deploy.registry.registry import look_up, move_tag, push, repository_of
from deploy.rollout.candidate import on_host
from deploy.rollout.steady_client import Request, summary
from tests.containers.hand_made import Repository
from tests.containers.registry import breaking_way
from tests.rollouts.arena import Arena, Done, between, eventually
from tests.rollouts.faults import SITES
from tests.rollouts.ssh_host import ssh_host

Outcome = TypeVar("Outcome")

QUIET_SECONDS = 15.0
SETTLE_SECONDS = 1.0
LEAST_REQUESTS = 20_000
KILL_AFTER_SECONDS = 0.15
BACK_SECONDS = 30.0
ROLLBACK_SECONDS = 5.0
LARGE_BYTES = 40_000_000
NEVER = "never ready"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    requests: int
    failed: int
    exit_code: int
    seconds: float
    outcome: str


def two_releases(arena: Arena) -> None:
    """What a production has that has run for a while: a release that serves, and one before it."""
    first = arena.run("deploy", arena.versions["first"], **arena.fast)
    assert first.exit_code == 0, first.output
    _, _, second = _loaded(arena, lambda: arena.run("deploy", arena.versions["second"], **arena.fast), arena.rate, 1.0)
    assert second.exit_code == 0, second.output


def good_deploy(
    arena: Arena,
    canary_seconds: float = 25.0,
    least: int = LEAST_REQUESTS,
    rate: float = 300.0,
    quiet_seconds: float = QUIET_SECONDS,
) -> list[Row]:
    """Nothing fails, nothing is answered by the wrong version after the switch, and it is hardly slower meanwhile."""
    quiet, seen, done = _loaded(
        arena,
        lambda: arena.run("deploy", other(arena), canary_seconds=canary_seconds, watch_seconds=canary_seconds),
        rate,
        quiet_seconds,
    )
    assert done.exit_code == 0, done.output
    assert done.rollout is not None
    assert done.rollout.serving_at is not None
    whole, before = summary(seen), summary(quiet)
    later = summary([one for one in seen if one.due > done.rollout.serving_at])
    state = arena.state()
    assert state.current is not None
    assert (whole.failed, before.failed) == (0, 0), whole.errors
    assert set(later.by_model) == {state.current.model}, later.by_model
    assert whole.requests >= least, whole.requests
    assert arena.champion() == state.current.image
    ratio = whole.p99_ms / before.p99_ms
    words = (
        f"{later.requests:,} after the switch, 0 by the wrong version; p99 {whole.p99_ms:g} ms, "
        f"quiet {before.p99_ms:g} ms: {ratio:.2f} times"
    )
    assert least < LEAST_REQUESTS or ratio < 2, words
    return [Row("good deploy", whole.requests, whole.failed, done.exit_code, done.seconds, words)]


def another_project(arena: Arena) -> list[Row]:
    """A first deploy in place of what serves: nothing is compared, no request lost, and the releases say it."""
    before = arena.state().current
    assert before is not None
    arena.make_version("another project", "3" * 40, project="wine")
    _, seen, done = _loaded(
        arena, lambda: arena.run("deploy", arena.versions["another project"], **arena.fast), arena.rate, 1.0
    )
    assert done.exit_code == 0, done.output
    assert done.rollout is not None
    said = {one.name: one.said for one in done.rollout.steps}
    assert [one.old for one in done.rollout.compared] == [None]
    assert summary(seen).failed == 0, summary(seen).errors
    state = arena.state()
    assert state.current is not None
    assert before.model[:19] in state.current.decision
    assert before.model[:19] in done.output
    back = arena.run("rollback")
    assert back.exit_code == 0, back.output
    return [Row("in place of another project", len(seen), 0, 0, done.seconds, said["canary 50 %"])]


def bad_image(arena: Arena, fault: str) -> list[Row]:
    """Refused, with the old version serving and the state as it was."""
    arena.make_fault(fault, "second" if other(arena) == arena.versions["second"] else "first")
    return [_refused(arena, fault, arena.versions[fault], **({"ready_seconds": 8.0} if fault == NEVER else {}))]


def wrong_digest(arena: Arena) -> list[Row]:
    """A digest that the registry does not have."""
    return [_refused(arena, "wrong digest", f"{arena.registry.address}/user/service@sha256:{'0' * 64}")]


def labelled_by_hand(arena: Arena) -> list[Row]:
    """An image that was never tested, with a label that says that the gates promoted it."""
    image = arena.push_layered("by hand", arena.tag_of("second"), ['LABEL gatehouse.decision="promote"'], {})
    return [_refused(arena, "labelled by hand", image)]


def attested_for_another(arena: Arena) -> list[Row]:
    """An image that was never tested, with a tested one's attestation under its name."""
    image = arena.push_layered("borrowed", arena.tag_of("second"), ['LABEL planted="yes"'], {})
    name, tested = repository_of(image), look_up(arena.versions["second"]).image_id
    own = f"{name}:{tag_of(look_up(image).image_id)}"
    move_tag(f"{name}@{look_up(f'{name}:{tag_of(tested)}').digest}", own.rpartition(":")[2])
    row = _refused(arena, "attested for another image", image)
    assert "(not-attested)" in row.outcome, row.outcome
    return [row]


def production_moved(arena: Arena) -> list[Row]:
    """An image whose model was compared with another champion than the one that serves by now."""
    image = arena.push_layered("late", arena.tag_of("second"), ['LABEL planted="late"'], {})
    arena.attest(image, arena.models["second"], champion="sha256:" + "e" * 64, first_run="")
    current = arena.state().current
    assert current is not None
    if current.model == arena.models["second"]:
        # No rollback: what served before may be another project's, to which this image would be a first run.
        _, _, first = _loaded(
            arena, lambda: arena.run("deploy", arena.versions["first"], **arena.fast), arena.rate, 1.0
        )
        assert first.exit_code == 0, first.output
    row = _refused(arena, "production moved meanwhile", image)
    assert "(production-moved)" in row.outcome, row.outcome
    return [row]


def another_platform(arena: Arena) -> list[Row]:
    """An image that the host's processor cannot run is refused before anything of it is pulled."""
    name, digest = repository_of(other(arena)), look_up(other(arena)).manifest
    image = f"{name}@{Repository(name).for_another_platform(digest, 's390x')['digest']}"
    row = _refused(arena, "built for another platform", image)
    assert "linux/s390x" in row.outcome, row.outcome
    assert on_host(image) is None
    return [row]


def index_of_two_platforms(arena: Arena) -> None:
    """The host takes its own image out of an index, and `champion` is the index that was deployed."""
    repository, digest = Repository(repository_of(other(arena))), look_up(other(arena)).manifest
    ours, foreign = repository.put(repository.manifest(digest)), repository.for_another_platform(digest, "s390x")
    system, _, architecture = engine_platform().partition("/")
    image = repository.put_index(
        [
            foreign | {"platform": {"os": "linux", "architecture": "s390x"}},
            ours | {"platform": {"os": system, "architecture": architecture}},
        ]
    )
    _, seen, done = _loaded(arena, lambda: arena.run("deploy", image, **arena.fast), arena.rate, quiet_seconds=1.0)
    assert done.exit_code == 0, done.output
    assert_whole(arena, image)
    assert arena.champion() == image
    assert summary(seen).failed == 0, summary(seen).errors
    back = arena.run("rollback")
    assert back.exit_code == 0, back.output


def registry_gone(arena: Arena) -> list[Row]:
    """The registry goes away when a part of the image has come."""
    image = _large_image(arena)
    with breaking_way(arena.registry.port, LARGE_BYTES // 4) as port:
        row = _refused(arena, "registry gone in mid-pull", image.replace(str(arena.registry.port), str(port), 1))
    return [row]


def killed_at(arena: Arena, step: str) -> list[Row]:
    """Killed when a step has begun; run again. Clients notice neither, and it converges."""
    wanted = other(arena)

    def kill_and_run_again() -> Done:
        first = arena.begin("deploy", wanted, **arena.fast)
        assert first.wait_for(step), "".join(first.lines)
        time.sleep(KILL_AFTER_SECONDS)
        first.kill()
        return arena.run("deploy", wanted, **arena.fast)

    _, seen, done = _loaded(arena, kill_and_run_again, arena.rate, quiet_seconds=1.0)
    assert done.exit_code == 0, done.output
    assert_whole(arena, wanted)
    whole = summary(seen)
    assert whole.failed == 0, whole.errors
    return [Row(f"killed at {step}", whole.requests, 0, done.exit_code, done.seconds, "run again: converged")]


def two_at_once(arena: Arena) -> list[Row]:
    """One wins; the other says who holds the lock, and changes nothing."""
    wanted = other(arena)

    def both() -> tuple[Done, Done]:
        first = arena.begin("deploy", wanted, **arena.fast)
        assert first.wait_for("settle"), "".join(first.lines)
        second = arena.run("rollback")
        return first.wait(), second

    _, seen, (first, second) = _loaded(arena, both, arena.rate, quiet_seconds=1.0)
    assert first.exit_code == 0, first.output
    assert second.exit_code == 1, second.output
    assert f"(process {first.process_id})" in second.reason, second.reason
    assert_whole(arena, wanted)
    whole = summary(seen)
    assert whole.failed == 0, whole.errors
    said = second.reason.partition(". ")[0]
    return [Row("two deploys at once", whole.requests, 0, second.exit_code, second.seconds, f"the second: {said}")]


def rollback_without_registry(arena: Arena, within_seconds: float = ROLLBACK_SECONDS) -> list[Row]:
    """Back to what served before, in seconds, from the host alone; the tag follows when the registry is back."""
    state = arena.state()
    assert state.current is not None
    assert state.previous is not None
    arena.registry.stop()
    _, seen, done = _loaded(arena, lambda: arena.run("rollback"), arena.rate, quiet_seconds=1.0)
    arena.registry.start()
    assert done.exit_code == 0, done.output
    assert done.rollout is not None
    assert done.rollout.serving_at is not None
    took = done.rollout.serving_at - done.began
    back = arena.state().current
    assert back is not None
    assert back.image == state.previous.image
    whole = summary(seen)
    assert whole.failed == 0, whole.errors
    assert "did not move" in done.reason, done.reason
    assert took < within_seconds, f"{took:.1f} s\n{done.output}"
    later = arena.run("rollback", back.image)
    assert later.exit_code == 0, later.output
    assert arena.champion() == back.image
    words = f"the digest before serves {took:.1f} s after the command; `champion` moved when the registry was back"
    return [Row("rollback, registry stopped", whole.requests, 0, done.exit_code, done.seconds, words)]


def over_ssh(arena: Arena) -> list[Row]:
    """A deploy, and a rollback, by an engine that is reached through a real SSH server only."""
    with tempfile.TemporaryDirectory() as folder, ssh_host(Path(folder)) as target:
        image = other(arena)
        _, seen, done = _loaded(
            arena, lambda: arena.run("deploy", image, target=target, **arena.fast), arena.rate, quiet_seconds=1.0
        )
        assert done.exit_code == 0, done.output
        now = arena.state().current
        assert now is not None
        assert now.image == image
        _, during, back = _loaded(arena, lambda: arena.run("rollback", target=target), arena.rate, quiet_seconds=1.0)
        assert back.exit_code == 0, back.output
    whole = summary([*seen, *during])
    assert whole.failed == 0, whole.errors
    words = f"every command to the engine over SSH; the rollback after it took {back.seconds:.1f} s"
    return [Row("deploy over ssh://, and back", whole.requests, 0, done.exit_code, done.seconds, words)]


def everything_killed(arena: Arena) -> list[Row]:
    """kill -9 of the proxy and of all containers, without a registry: the same version is back."""
    before = arena.state()
    assert before.current is not None
    url, current = arena.url, before.current
    arena.registry.stop()
    with arena.client(50) as client:
        time.sleep(1)
        killed = time.time()
        arena.kill_all()
        time.sleep(BACK_SECONDS - 4)
        seen = client.stop()
    arena.registry.start()
    lost = [one.due for one in between(seen, killed, killed + BACK_SECONDS) if one.error]
    took = max(lost, default=killed) - killed
    after = [one for one in seen if one.due > killed + took]
    assert len(after) > 100, "the client was not answered again"
    assert {one.model for one in after} == {current.model}
    assert took < BACK_SECONDS, f"{took:.1f} s"
    assert arena.state() == before
    assert url == arena.url
    done = arena.run("deploy", current.image)
    assert done.exit_code == 0, done.output
    words = f"every request answered again {took:.1f} s after, by the same version"
    return [Row("kill -9 of proxy and all containers", len(seen), len(lost), 0, took, words)]


def other(arena: Arena) -> str:
    """The good version that does not serve."""
    current = arena.state().current
    serves_first = current is not None and current.image == arena.versions["first"]
    return arena.versions["second" if serves_first else "first"]


def assert_whole(arena: Arena, image: str) -> None:
    """This image serves, on two replicas, and nothing of a deploy is left over."""
    state = arena.state()
    assert state.current is not None
    assert state.current.image == image
    assert len(arena.running()) == 2, arena.running()
    eventually(lambda: not arena.is_locked(), 5, "the lock is gone")


def _refused(arena: Arena, what: str, image: str, **rules: Any) -> Row:
    before = arena.state_bytes()
    running = arena.running()
    model = arena.state().current
    assert model is not None
    _, seen, done = _loaded(
        arena, lambda: arena.run("deploy", image, "champion", **rules), arena.rate, quiet_seconds=1.0
    )
    assert done.exit_code in (1, 3), done.output
    assert arena.state_bytes() == before
    assert arena.running() == running
    whole, later = summary(seen), summary([one for one in seen if one.due > done.ended])
    assert whole.failed == 0, f"{whole.errors}\n{done.output}"
    assert set(later.by_model) == {model.model}, later.by_model
    assert not arena.is_locked()
    return Row(what, whole.requests, 0, done.exit_code, done.seconds, done.reason)


def _loaded(
    arena: Arena, act: Callable[[], Outcome], rate: float, quiet_seconds: float = QUIET_SECONDS
) -> tuple[list[Request], list[Request], Outcome]:
    """Do something under load: the requests of the quiet time before, those from its beginning on, what came of it."""
    with arena.client(rate) as client:
        time.sleep(SETTLE_SECONDS)
        quiet_from = time.time()
        time.sleep(quiet_seconds)
        began = time.time()
        outcome = act()
        time.sleep(SETTLE_SECONDS)
        seen = client.stop()
    return between(seen, quiet_from, began), [one for one in seen if one.due >= began], outcome


def _large_image(arena: Arena) -> str:
    """A good image with a large layer that no cache of this engine has."""
    tag = arena.tag_of("large")
    container = docker("create", arena.tag_of("second"))
    try:
        large = arena.folder / "large"
        large.write_bytes(secrets.token_bytes(LARGE_BYTES))
        docker("cp", str(large), f"{container}:/large")
        docker("commit", container, tag)
    finally:
        docker("rm", container)
    reference = push(tag, f"{arena.registry.address}/user/large", "large")
    arena.attest(reference, arena.models["second"])
    for name in (tag, reference, f"{arena.registry.address}/user/large:large"):
        docker("image", "rm", "--force", name)
    return reference


REFUSALS: dict[str, Callable[[Arena], list[Row]]] = {
    **{fault: partial(bad_image, fault=fault) for fault in SITES},
    "wrong digest": wrong_digest,
    "labelled by hand": labelled_by_hand,
    "attested for another image": attested_for_another,
    "production moved meanwhile": production_moved,
    "built for another platform": another_platform,
    "registry gone in mid-pull": registry_gone,
}
