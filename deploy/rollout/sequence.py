"""The order of a deploy, the same for every target: a host, or a cluster.

The target's recorded state is the desired state, and `settle` makes the rest match it. A deploy calls it first, which
repairs what a killed run left; last, which retires the old side; and after any failure in between.
"""

import datetime as dt
from collections.abc import Callable
from typing import Protocol

from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Compared, Entry, Release, Side, State, VersionMetrics
from deploy.engine import EngineError
from deploy.host.lock import owner
from deploy.host.machine import OTHER
from deploy.host.state import after
from deploy.rollout import canary
from deploy.rollout.candidate import Candidate, Proved, in_place_of_another, refuse_moved_production
from deploy.rollout.journal import Journal

SCRAPED_SECONDS = 60.0
BEFORE = ("lock", "settle", "admit", "pull", "start", "ready", "golden", "enter")
AFTER = ("switch", "drain", "watch", "commit", "retire", "tag")


class NotRestoredError(EngineError):
    """The deploy failed, and so did restoring the earlier version: the text has both reasons."""


class Lock(Protocol):
    """The held lock of a target."""

    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Raises EngineError if the lock was lost."""


class Target(Protocol):
    """Where versions run, while the lock is held: one side serves, and the other is for the next version."""

    rules: Rules
    journal: Journal

    @property
    def held(self) -> Lock: ...

    def read_state(self) -> State:
        """The recorded state. Raises StateError, and UsageError if something else than a deploy started replicas."""

    def write_state(self, state: State) -> None:
        """Record it, whole."""

    def settle(self, state: State) -> str:
        """Make the target match the state, and say what serves. Idempotent, and safe at any moment."""

    def bring_up(self, state: State, new: Release, proved: Proved, rival: Release | None) -> None:
        """The steps from start to watch. `rival`: the serving release, if it is of the same project."""

    def figures(self, side: Side, seconds: float) -> VersionMetrics:
        """Prometheus' figures of a side over the last seconds."""

    def check(self, side: Side) -> None:
        """Raises if the lock is lost or a replica of this side has ended."""

    def has_image(self, image: str) -> bool:
        """Whether a rollback can start this image."""

    def is_out(self, side: Side) -> bool:
        """Whether this side has no traffic and no running replica, so that it can be started."""

    def start_again(self, release: Release) -> str:
        """Start an earlier release without traffic, and wait until it is ready."""

    def enter(self, side: Side) -> str:
        """Let this side get traffic, none yet."""

    def switch(self, side: Side) -> str:
        """Send all traffic to this side."""


def steps_of(rules: Rules) -> tuple[str, ...]:
    """Every step of a deploy, in order."""
    return (*BEFORE, *(f"canary {percent} %" for percent in rules.canary_percent), *AFTER)


def deploy(target: Target, admit: Callable[[State], Candidate], fetch: Callable[[Candidate], Proved]) -> Release:
    """Every step between lock and tag. Raises what refused the deploy, after the earlier version was restored."""
    journal = target.journal
    with journal.step("settle") as step:
        state = target.read_state()
        step.said = target.settle(state)
    with journal.step("admit") as step:
        candidate = admit(state)
        step.said = f"model {candidate.model[:19]}: {candidate.decision}"
    if state.current is not None and state.current.image == candidate.image:
        journal.note(f"{candidate.image} serves already.")
        return state.current
    with journal.step("pull") as step:
        proved = fetch(candidate)
        step.said = f"image on the engine, model proved on {len(proved.golden.rows)} golden rows here"
    if replaces := in_place_of_another(proved.card, state.current):
        journal.note(replaces)
    else:
        refuse_moved_production(candidate, state.current)
    new = Release(
        image=candidate.image,
        model=candidate.model,
        revision=candidate.revision,
        decision=f"{candidate.decision}. {replaces}" if replaces else candidate.decision,
        side=OTHER[state.current.side] if state.current else "blue",
    )
    try:
        target.bring_up(state, new, proved, None if replaces else state.current)
        with journal.step("commit") as step:
            target.held.check()
            committed = after(state, new, entry_of("deploy", new, state, journal, tuple(journal.compared)))
            target.write_state(committed)
            step.said = f"state.json: {short(new.image)} is current"
    except BaseException as error:
        restore(target, error)
        raise
    with journal.step("retire") as step:
        step.said = target.settle(committed)
    return new


def compare(target: Target, side: Side, percent: int) -> str:
    """Judge the new side against the old one, which has the rest of the traffic. Raises CanaryError."""
    compared = canary.observe(
        percent,
        lambda seconds: (target.figures(side, seconds), target.figures(OTHER[side], seconds)),
        lambda: target.check(side),
        target.rules,
        target.rules.canary_seconds,
    )
    target.journal.compared.append(compared)
    return words_of(compared)


def watch(target: Target, rival: Release | None, side: Side) -> str:
    """Watch the new side, compared with the old one's last figures. A first deploy may have no traffic."""
    before = target.journal.compared[-1].old if target.journal.compared else None
    is_first = rival is None

    def look(seconds: float) -> tuple[VersionMetrics, VersionMetrics | None]:
        return target.figures(side, seconds), before

    compared = canary.observe(
        100,
        look,
        lambda: target.check(side),
        target.rules.model_copy(update={"canary_min_requests": 0}) if is_first else target.rules,
        target.rules.watch_seconds,
        may_be_silent=is_first,
        before=True,
    )
    target.journal.compared.append(compared)
    return words_of(compared)


def restore(target: Target, error: BaseException) -> None:
    """Send all traffic to the recorded release. Raises NotRestoredError if that fails."""
    target.journal.note("failed; restoring the earlier version.")
    try:
        target.journal.note(target.settle(target.read_state()))
    except Exception as second:
        raise NotRestoredError(
            f"{error} And restoring failed: {second} Nothing was committed; run the same command again."
        ) from error


def entry_of(action: str, new: Release, state: State, journal: Journal, compared: tuple[Compared, ...] = ()) -> Entry:
    """The line that `make releases` shows."""
    return Entry.model_validate(
        {
            "action": action,
            "image": new.image,
            "model": new.model,
            "revision": new.revision,
            "replaced": state.current.image if state.current else "",
            "decision": new.decision,
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "by": owner(),
            "seconds": round(journal.seconds, 1),
            "compared": compared,
        }
    )


def words_of(compared: Compared) -> str:
    """A step's figures in one line."""
    words = f"{compared.seconds:g} s: new {_figures(compared.new)}"
    return words + (f"; old {_figures(compared.old)}" if compared.old else "")


def _figures(seen: VersionMetrics) -> str:
    if seen.error_share is None:
        return f"{seen.requests:.0f} requests"
    return f"{seen.requests:.0f} requests, {seen.error_share:.2%} failed, p50 {seen.p50_ms} ms, p95 {seen.p95_ms} ms"


def short(image: str) -> str:
    """The end of an image's name, for messages."""
    return image.rpartition("/")[2][:40]
