"""The steps of a deploy, in the order that loses no request, and the restore after a failure.

state.json on the host is the desired state. `settle` makes the rest match it: the side that gets the traffic, the
replicas that run, the targets of Prometheus. A deploy calls it first, which repairs what a killed run left; last, which
retires the old side; and after any failure in between.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Compared, Entry, Release, Side, State, VersionMetrics
from deploy.engine import EngineError
from deploy.host.edge import Edge, backup_of
from deploy.host.lock import Held, owner
from deploy.host.machine import OTHER, SIDES, Host
from deploy.host.replicas import ReplicaError, Replicas
from deploy.host.stack import Stack
from deploy.host.state import after, read_state, write_state
from deploy.rollout import canary, golden
from deploy.rollout.candidate import Candidate, Proved, in_place_of_another, on_host, refuse_moved_production
from deploy.rollout.journal import Journal
from deploy.rollout.version_metrics import Prometheus

SCRAPED_SECONDS = 60.0
FIRST_OVERRIDE = "target.yaml"
BEFORE = ("lock", "settle", "admit", "pull", "start", "ready", "golden", "enter")
AFTER = ("switch", "drain", "watch", "commit", "retire", "tag")


class NotRestoredError(EngineError):
    """The deploy failed, and so did restoring the earlier version: the text has both reasons."""


@dataclass
class Production:
    """The stack of one host while the lock is held."""

    host: Host
    held: Held
    rules: Rules
    journal: Journal
    key: str = ""

    def __post_init__(self) -> None:
        self.edge = Edge(self.host)
        self.prometheus = Prometheus(self.host)
        self.stack = Stack(self.host, self.held)

    def replicas(self, side: Side) -> Replicas:
        return Replicas(self.host, side)

    def settle(self, state: State) -> str:
        """Make the host match the state. Idempotent, and safe at any moment. Raises EngineError and ReplicaError."""
        self.held.check()
        if state.current is None:
            return self._settle_empty()
        current, side = state.current, state.current.side
        said = self.bring_stack_up(current.image, side)
        if not self.replicas(side).run(current.image):
            self.replicas(side).start(current.image)
            said += f"; started {side}"
        try:
            self.replicas(side).wait_until_ready(self.rules.ready_seconds, self.held.check)
        except ReplicaError as error:
            raise ReplicaError(f"The current release: {error} `make rollback` restores the one before it.") from None
        self.replicas(side).give_full_cpu()
        self.edge.set_state(SIDES[side], "ready", 100)
        self.edge.wait_until_up(self.replicas(side).addresses())
        self._retire(OTHER[side])
        self.edge.set_state([backup_of(one) for one in SIDES[side]], "maint")
        self.stack.scrape(SIDES[side])
        return f"{side} serves {_short(current.image)}; {said}{self._keep(state.previous)}"

    def _settle_empty(self) -> str:
        """Nothing was deployed yet, or the first deploy failed: stop all replicas."""
        if self.host.inspect(["edge"]):
            for side in SIDES:
                self._retire(side)
        return "nothing was deployed yet"

    def _retire(self, side: Side) -> None:
        """Send it no new requests, wait for those in flight, take it out of the edge, then stop it."""
        self.edge.set_state(SIDES[side], "drain")
        self.edge.wait_until_idle(SIDES[side], self.rules.drain_seconds)
        self.edge.set_state((*SIDES[side], *(backup_of(one) for one in SIDES[side])), "maint")
        self.replicas(side).stop()

    def _keep(self, previous: Release | None) -> str:
        """Keep stopped containers of the previous release, so that a rollback takes a second."""
        if previous is None or self.replicas(previous.side).are_kept(previous.image):
            return ""
        if on_host(previous.image) is None:
            return f"; {_short(previous.image)} is no longer on the host"
        self.replicas(previous.side).create(previous.image)
        return f"; kept {_short(previous.image)} on {previous.side}"

    def bring_stack_up(self, image: str, live: Side | None) -> str:
        """Start the stack around the replicas, and wait until the edge accepts commands."""
        said = self.stack.up(image, live)
        self.edge.wait_until_listening()
        return said

    def is_out(self, side: Side) -> bool:
        """Whether this side has no traffic and no running replica, so that it can be started."""
        servers = self.edge.servers()
        return all(servers[one].status.startswith("MAINT") for one in SIDES[side]) and not any(
            one["State"]["Running"] for one in self.replicas(side).inspect().values()
        )

    def enter(self, side: Side) -> str:
        """Add this side to the edge without traffic, and wait until its health checks pass."""
        self.edge.set_state(SIDES[side], "ready", 0)
        self.edge.wait_until_up(self.replicas(side).addresses())
        return f"{' and '.join(SIDES[side])} are up at the edge, with 0 % of the traffic"

    def warm_up_backup(self, side: Side) -> None:
        """Make this side a backup server, and wait for its health checks: it answers if no other can."""
        self.edge.set_state([backup_of(one) for one in SIDES[side]], "ready")
        self.edge.wait_until_up({backup_of(name): one for name, one in self.replicas(side).addresses().items()})

    def switch(self, side: Side, *, with_backup: bool = True) -> str:
        """Send all traffic to this side, now and after a restart of the edge."""
        self.held.check()
        self.edge.switch(side, with_backup=with_backup)
        self.journal.serving()
        self.stack.write_live(side)
        return f"all traffic to {side}"

    def drain(self, side: Side) -> str:
        """Wait for the requests in flight on the side that gets no more traffic."""
        self.edge.wait_until_idle(SIDES[side], self.rules.drain_seconds)
        return f"no request is in flight at {' and '.join(SIDES[side])}"


def steps_of(rules: Rules) -> tuple[str, ...]:
    """Every step of a deploy, in order."""
    return (*BEFORE, *(f"canary {percent} %" for percent in rules.canary_percent), *AFTER)


def deploy(
    production: Production, admit: Callable[[State], Candidate], fetch: Callable[[Candidate], Proved]
) -> Release:
    """Every step between lock and tag. Raises what refused the deploy, after the earlier version was restored."""
    journal = production.journal
    with journal.step("settle") as step:
        state = read_state(production.held)
        refuse_foreign_replicas(production.host, state)
        step.said = production.settle(state)
    with journal.step("admit") as step:
        candidate = admit(state)
        step.said = f"model {candidate.model[:19]}: {candidate.decision}"
    if state.current is not None and state.current.image == candidate.image:
        journal.note(f"{candidate.image} serves already.")
        return state.current
    with journal.step("pull") as step:
        proved = fetch(candidate)
        step.said = f"image on the host, model proved on {len(proved.golden.rows)} golden rows here"
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
        rival = None if replaces else state.current
        compared = _bring_up(production, state, new, proved, rival)
        with journal.step("commit") as step:
            production.held.check()
            committed = after(state, new, entry_of("deploy", new, state, journal, compared))
            write_state(production.held, committed)
            step.said = f"state.json: {_short(new.image)} is current"
    except BaseException as error:
        restore(production, error)
        raise
    with journal.step("retire") as step:
        step.said = production.settle(committed)
    return new


def _bring_up(
    production: Production, state: State, new: Release, proved: Proved, rival: Release | None
) -> tuple[Compared, ...]:
    """Start the new version, move all traffic to it, and watch it. Returns the comparisons on the way.

    `rival`: the serving release, if it is of the same project. With another project's there is no canary and no backup,
    because neither can answer the other's requests.
    """
    journal, replicas, side = production.journal, production.replicas(new.side), new.side
    with journal.step("start") as step:
        if state.current is None:
            production.bring_stack_up(new.image, None)
        replicas.create(new.image)
        step.said = f"{' and '.join(SIDES[side])} made, with the limits of compose.yaml"
    with journal.step("ready") as step:
        for one in SIDES[side]:  # one after the other: two starts at once slow down the requests being served
            replicas.start_existing(one)
            replicas.wait_until_ready(production.rules.ready_seconds, partial(_check, production, side, one), one)
        step.said = "one after the other; /readyz says 200 at the real port of both"
    with journal.step("golden") as step:
        arguments = (proved.card, proved.golden, new.model, production.key)
        rows = [golden.ask(production.host, one, *arguments) for one in SIDES[side]]
        replicas.give_full_cpu()
        step.said = f"{sum(rows)} answers through the real port are right"
    with journal.step("enter") as step:
        production.stack.scrape((*(SIDES[state.current.side] if state.current else ()), *SIDES[side]))
        step.said = production.enter(side)
        if rival is not None:
            production.warm_up_backup(rival.side)
        production.prometheus.wait_until_scraped(SIDES[side], SCRAPED_SECONDS)
    for percent in production.rules.canary_percent:
        with journal.step(f"canary {percent} %") as step:
            step.said = _canary(production, rival, side, percent)
    with journal.step("switch") as step:
        step.said = production.switch(side, with_backup=rival is not None)
    with journal.step("drain") as step:
        step.said = production.drain(OTHER[side])
    with journal.step("watch") as step:
        step.said = _watch(production, rival, side)
    return tuple(journal.compared)


def _canary(production: Production, rival: Release | None, side: Side, percent: int) -> str:
    if rival is None:
        return "nothing to compare with: this is the first of its project"
    production.edge.share(side, percent)
    compared = canary.observe(
        percent,
        lambda seconds: (
            production.prometheus.figures(SIDES[side], seconds),
            production.prometheus.figures(SIDES[OTHER[side]], seconds),
        ),
        lambda: _check(production, side),
        production.rules,
        production.rules.canary_seconds,
    )
    production.journal.compared.append(compared)
    return words_of(compared)


def _watch(production: Production, rival: Release | None, side: Side) -> str:
    """Watch the new side, compared with the old one's last figures. A first deploy may have no traffic."""
    before = production.journal.compared[-1].old if production.journal.compared else None
    is_first = rival is None

    def look(seconds: float) -> tuple[VersionMetrics, VersionMetrics | None]:
        return production.prometheus.figures(SIDES[side], seconds), before

    rules = production.rules.model_copy(update={"canary_min_requests": 0}) if is_first else production.rules
    compared = canary.observe(
        100,
        look,
        lambda: _check(production, side),
        rules,
        production.rules.watch_seconds,
        may_be_silent=is_first,
        before=True,
    )
    production.journal.compared.append(compared)
    return words_of(compared)


def _check(production: Production, side: Side, *services: str) -> None:
    production.held.check()
    production.replicas(side).check_running(*services)
    production.journal.progress(f"{' and '.join(SIDES[side])} run")


def restore(production: Production, error: BaseException) -> None:
    """Send all traffic to the release in state.json. Raises NotRestoredError if that fails."""
    production.journal.note("failed; restoring the earlier version.")
    try:
        production.journal.note(production.settle(read_state(production.held)))
    except Exception as second:
        raise NotRestoredError(
            f"{error} And restoring failed: {second} Nothing was committed; run the same command again."
        ) from error


def refuse_foreign_replicas(host: Host, state: State) -> None:
    """Raises UsageError if `docker compose up` started the replicas: no deploy state knows those."""
    if state.current is not None:
        return
    for service, one in host.inspect([name for side in SIDES.values() for name in side]).items():
        if FIRST_OVERRIDE not in one["Config"]["Labels"].get("com.docker.compose.project.config_files", ""):
            raise UsageError(
                f"{service} was started by `docker compose up`, not by a deploy. Run `docker compose down` "
                "(which keeps the volumes), then deploy: every later deploy loses no request."
            )


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


def _short(image: str) -> str:
    return image.rpartition("/")[2][:40]
