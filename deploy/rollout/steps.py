"""The steps of a deploy on one host, whose order is sequence.py's.

state.json on the host is the desired state: the side that gets the traffic, the replicas that run, the targets of
Prometheus.
"""

from dataclasses import dataclass
from functools import partial

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.release import Release, Side, State, VersionMetrics
from deploy.host.edge import Edge, backup_of
from deploy.host.lock import Held
from deploy.host.machine import OTHER, SIDES, Host
from deploy.host.replicas import ReplicaError, Replicas, series_of
from deploy.host.stack import Stack
from deploy.host.state import read_state, write_state
from deploy.rollout import golden
from deploy.rollout.candidate import Proved, on_host
from deploy.rollout.journal import Journal
from deploy.rollout.sequence import SCRAPED_SECONDS, compare, short, watch
from deploy.rollout.version_metrics import Prometheus

FIRST_OVERRIDE = "target.yaml"


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
        self.prometheus = Prometheus(self.host.exchange)
        self.stack = Stack(self.host, self.held)

    def replicas(self, side: Side) -> Replicas:
        return Replicas(self.host, side)

    def read_state(self) -> State:
        """state.json. Raises UsageError if `docker compose up` started the replicas."""
        state = read_state(self.held)
        refuse_foreign_replicas(self.host, state)
        return state

    def write_state(self, state: State) -> None:
        write_state(self.held, state)

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
        return f"{side} serves {short(current.image)}; {said}{self._keep(state.previous)}"

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
            return f"; {short(previous.image)} is no longer on the host"
        self.replicas(previous.side).create(previous.image)
        return f"; kept {short(previous.image)} on {previous.side}"

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

    def figures(self, side: Side, seconds: float) -> VersionMetrics:
        """Prometheus' figures of a side over the last seconds."""
        return self.prometheus.figures(series_of(SIDES[side]), seconds)

    def check(self, side: Side, *services: str) -> None:
        """Raises if the lock is gone, or one of these replicas of the side has ended; checks both if none is named."""
        self.held.check()
        self.replicas(side).check_running(*services)
        self.journal.progress(f"{' and '.join(SIDES[side])} run")

    def has_image(self, image: str) -> bool:
        return on_host(image) is not None

    def start_again(self, release: Release) -> str:
        """Start an earlier release's kept containers, or new ones from its image, and wait until they are ready."""
        replicas, seconds = self.replicas(release.side), self.rules.ready_seconds
        if replicas.are_kept(release.image):
            replicas.start_existing()
            replicas.wait_until_ready(seconds, replicas.check_running)
            return "kept containers started and ready"
        replicas.start(release.image)
        replicas.wait_until_ready(seconds, replicas.check_running)
        replicas.give_full_cpu()
        return "containers made from the image on the host, and ready"

    def bring_up(self, state: State, new: Release, proved: Proved, rival: Release | None) -> None:
        """Start the new version, move all traffic to it, and watch it.

        `rival`: the serving release, if it is of the same project. With another project's there is no canary and no
        backup, because neither can answer the other's requests.
        """
        journal, replicas, side = self.journal, self.replicas(new.side), new.side
        with journal.step("start") as step:
            if state.current is None:
                self.bring_stack_up(new.image, None)
            replicas.create(new.image)
            step.said = f"{' and '.join(SIDES[side])} made, with the limits of compose.yaml"
        with journal.step("ready") as step:
            for one in SIDES[side]:  # one after the other: two starts at once slow down the requests being served
                replicas.start_existing(one)
                replicas.wait_until_ready(self.rules.ready_seconds, partial(self.check, side, one), one)
            step.said = "one after the other; /readyz says 200 at the real port of both"
        with journal.step("golden") as step:
            arguments = (proved.card, proved.golden, new.model, self.key)
            rows = [golden.ask(self.host.exchange, one, *arguments) for one in SIDES[side]]
            replicas.give_full_cpu()
            step.said = f"{sum(rows)} answers through the real port are right"
        with journal.step("enter") as step:
            self.stack.scrape((*(SIDES[state.current.side] if state.current else ()), *SIDES[side]))
            step.said = self.enter(side)
            if rival is not None:
                self.warm_up_backup(rival.side)
            self.prometheus.wait_until_scraped(series_of(SIDES[side]), SIDES[side], SCRAPED_SECONDS)
        for percent in self.rules.canary_percent:
            with journal.step(f"canary {percent} %") as step:
                step.said = self._canary(rival, side, percent)
        with journal.step("switch") as step:
            step.said = self.switch(side, with_backup=rival is not None)
        with journal.step("drain") as step:
            step.said = self.drain(OTHER[side])
        with journal.step("watch") as step:
            step.said = watch(self, rival, side)

    def _canary(self, rival: Release | None, side: Side, percent: int) -> str:
        if rival is None:
            return "nothing to compare with: this is the first of its project"
        self.edge.share(side, percent)
        return compare(self, side, percent)


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
