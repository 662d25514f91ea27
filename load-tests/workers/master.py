"""The clients of a load test on workers, as the master has them: asks them in, hands out the plan, collects figures.

The master sends no load. It runs beside the services and reads their CPU time and memory. Connection c of the plan is
at worker c mod n, with its own timetable, so all workers together send exactly what one process would send. Every
counted request comes back with its times, and the verdict is made of them as of one process's.

No clock is compared with another machine's. The master asks each worker's monotonic clock for the time, several times,
takes the answer that came back fastest (F. Cristian, Probabilistic clock synchronization, 1989), and tells each worker
on its own clock when counting begins. That is right to half of that answer's round trip.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import gevent
import locust.runners
from checks.machine import Observed
from gevent.event import AsyncResult
from locustfile import ANSWER_SECONDS, Client, count
from plan import GAP_SECONDS, Ending, Plan, Sample

from workers import messages
from workers.crew import Crew, Hello, difference, load_versions

# For every worker to start its clients before the first request of the warm-up is due.
LEAD_SECONDS = 1.0
# For a worker to read the plan or to send its last answers.
REPLY_SECONDS = 60.0
CLOCK_LOOKS = 10
LOOK_SECONDS = 0.1
POLL_SECONDS = 0.02
# Heartbeats come every second. Locust itself gives a worker up after three, which a busy machine can keep back.
locust.runners.HEARTBEAT_LIVENESS = MISSED_HEARTBEATS = 10
# Of Locust's states.
RUNNING, MISSING = "running", "missing"


class CrewError(Exception):
    """The workers are not those that are needed, or one was lost."""

    def __init__(self, sentence: str, code: str, is_lost: bool = False) -> None:
        super().__init__(sentence)
        self.ending = Ending(sentence=sentence, code=code, is_lost=is_lost)


class Workers:
    """Clients on workers. `names`: of those that take part by Locust's id, in the order of their numbers."""

    def __init__(self, environment: Any, plan: Plan, clients: Sequence[type[Client]], crew: Crew) -> None:
        self._environment, self._plan, self._clients, self._crew = environment, plan, clients, crew
        self._runner = environment.create_master_runner(crew.host, crew.port)
        self._said: dict[str, dict[str, Any]] = defaultdict(dict)
        for kind in (messages.HELLO, messages.READY, messages.CLOCK, messages.DONE, messages.SENT):
            self._runner.register_message(kind, self._hear)
        self._runner.register_message(messages.SAMPLES, self._count)
        self._runner.register_message(messages.ANSWERS, self._keep_answers)
        self._trouble: Any = AsyncResult()
        self._counted: dict[str, int] = defaultdict(int)
        self._offsets: dict[str, float] = {}
        self._begins_at = 0.0
        self.names: dict[str, str] = {}

    @property
    def port(self) -> int:
        """Where workers come in."""
        return int(self._runner.server.port)

    def start(self) -> float:
        """Have all workers begin; returns when counting begins, on time.perf_counter(). Raises CrewError."""
        self._ask_in()
        gevent.spawn(self._look_after)
        self._hand_out_plan()
        self._offsets = {worker: self._offset(worker) for worker in self.names}
        self._begins_at = time.perf_counter() + LEAD_SECONDS + self._plan.warmup_seconds
        for worker, offset in self._offsets.items():
            self._runner.send_message(messages.BEGIN, self._begins_at + offset, client_id=worker)
        self._runner.update_state(RUNNING)  # for the charts of Locust's page
        return self._begins_at

    def sleep_until(self, moment: float) -> None:
        """Raises CrewError as soon as a worker is lost."""
        self._trouble.wait(max(0.0, moment - time.perf_counter()))
        self._check()

    def _check(self) -> None:
        if self._trouble.ready():
            self._trouble.get()

    def join(self) -> None:
        """Wait for the last answer. Raises CrewError."""
        latest = self._begins_at + self._plan.ends_s + 2 * ANSWER_SECONDS + REPLY_SECONDS
        for worker, done in self._wait_for(messages.DONE, latest - time.perf_counter()).items():
            if done["counted"] != self._counted[worker]:
                raise RuntimeError(
                    f"{self.names[worker]} counted {done['counted']:,} requests, {self._counted[worker]:,} came here."
                )

    def observed(self) -> list[Observed | None]:
        """Each worker's machine."""
        seen = [self._said[messages.DONE][worker]["machine"] for worker in self.names]
        return [None if one is None else Observed(*one) for one in seen]

    def end(self) -> None:
        """Wait for the answers, and let the workers go. Raises CrewError."""
        self._wait_for(messages.SENT, REPLY_SECONDS)
        for worker, offset in self._offsets.items():
            self._require_steady(worker, abs(self._offset(worker) - offset))
        self.dismiss("")

    def dismiss(self, sentence: str) -> None:
        """Tell every worker that it may go, or why it must."""
        for worker in list(self._runner.clients):
            self._runner.send_message(messages.END, sentence, client_id=worker)
        gevent.sleep(LOOK_SECONDS)
        self._runner.quit()

    def _ask_in(self) -> None:
        """Wait for as many workers as are needed. Raises CrewError for one that differs, and where too few came."""
        required, until = load_versions(), time.perf_counter() + self._crew.wait_seconds
        came: dict[str, str] = {}
        while len(came) < self._crew.number:
            for worker in [one for one in self._said[messages.HELLO] if one not in came][
                : self._crew.number - len(came)
            ]:
                hello = Hello.model_validate(self._said[messages.HELLO][worker])
                if why := difference(hello, required):
                    raise CrewError(why, "other-worker")
                came[worker] = hello.name
            if time.perf_counter() > until:
                raise CrewError(self._too_few(sorted(came.values())), "workers-missing")
            gevent.sleep(POLL_SECONDS)
        self.names = dict(sorted(came.items(), key=lambda one: (one[1], one[0])))

    def _too_few(self, names: Sequence[str]) -> str:
        here = f"{self._crew.host}:{self.port}"
        remedy = "See worker-*.log"
        if self._crew.is_elsewhere:
            remedy = f"Start them on machines that reach it: `LOAD_MASTER={here} make load-worker`"
        return (
            f"{len(names)} of {self._crew.number} workers came to {here} within {self._crew.wait_seconds:g} s"
            f"{': ' if names else ''}{', '.join(names)}; required: {self._crew.number} (LOAD_WORKERS). {remedy}, or "
            "wait longer: LOAD_WAIT_SECONDS."
        )

    def _hand_out_plan(self) -> None:
        sent, required = messages.packed(self._plan), messages.digest_of(self._plan)
        told = {"plan": sent, "hosts": [one.host for one in self._clients], "workers": len(self.names)}
        for number, worker in enumerate(self.names):
            self._runner.send_message(messages.PLAN, {**told, "number": number}, client_id=worker)
        for worker, digest in self._wait_for(messages.READY, REPLY_SECONDS).items():
            if digest != required:
                raise CrewError(
                    f"The worker {self.names[worker]} reads another plan than was sent: its digest is {digest[:12]}, "
                    f"required: {required[:12]}. Check out this commit there, and run `make setup`.",
                    "other-worker",
                )

    def _look_after(self) -> None:
        """Notice a worker whose heartbeats stop, and send away one too many."""
        while not self._trouble.ready():
            gevent.sleep(LOOK_SECONDS)
            for worker, name in self.names.items():
                node = self._runner.clients.get(worker)
                if node is None or node.state == MISSING:
                    self._trouble.set_exception(self._loss(name, f"{MISSED_HEARTBEATS} heartbeats did not come"))
                    return
            for worker in [one for one in self._said[messages.HELLO] if one not in self.names]:
                del self._said[messages.HELLO][worker]
                told = f"The load test has its {self._crew.number} workers already (LOAD_WORKERS)."
                self._runner.send_message(messages.END, told, client_id=worker)

    def _wait_for(self, kind: str, seconds: float) -> dict[str, Any]:
        """What each worker says of this kind. Raises CrewError."""
        until, heard = time.perf_counter() + seconds, self._said[kind]
        while missing := [name for worker, name in self.names.items() if worker not in heard]:
            if time.perf_counter() > until:
                raise self._loss(missing[0], f"it did not say {kind} within {seconds:.0f} s")
            self.sleep_until(time.perf_counter() + POLL_SECONDS)
        return {worker: heard[worker] for worker in self.names}

    def _loss(self, name: str, why: str) -> CrewError:
        due = sum(block.requests for block in self._plan.blocks)
        return CrewError(
            f"The worker {name} was lost: {why}; required: all {self._crew.number} workers until the end. Of {due:,} "
            f"requests {sum(self._counted.values()):,} were counted, which is part of the traffic and no measurement. "
            "The service neither passed nor failed. Look at that worker and its machine (memory, network), then run "
            "`make load-test` again.",
            "worker-lost",
            is_lost=True,
        )

    def _offset(self, worker: str) -> float:
        """The worker's clock minus ours, in seconds, by the fastest of several answers."""
        looks: list[tuple[float, float]] = []
        for number in range(CLOCK_LOOKS):
            self._said[messages.CLOCK].pop(worker, None)
            asked = time.perf_counter()
            self._runner.send_message(messages.CLOCK, number, client_id=worker)
            while worker not in self._said[messages.CLOCK]:
                self._check()
                if time.perf_counter() > asked + REPLY_SECONDS:
                    raise self._loss(self.names[worker], f"it did not tell the time within {REPLY_SECONDS:.0f} s")
                gevent.sleep(0)
            theirs, came = self._said[messages.CLOCK][worker]
            looks.append((came - asked, theirs - (asked + came) / 2))
        round_trip, offset = min(looks)
        if round_trip > GAP_SECONDS:
            raise CrewError(
                f"The worker {self.names[worker]} answers after {1000 * round_trip:.0f} ms at best; required: at most "
                f"{1000 * GAP_SECONDS:.0f} ms, the pause between two blocks. Take a machine nearer to this one.",
                "worker-far-away",
            )
        return offset

    def _require_steady(self, worker: str, moved: float) -> None:
        """Where services take turns, blocks must not run into each other."""
        if moved > GAP_SECONDS / 2 and len(self._plan.blocks) > 1:
            raise CrewError(
                f"The clock of {self.names[worker]} moved by {1000 * moved:.0f} ms against this machine's under load; "
                f"required: at most {1000 * GAP_SECONDS / 2:.0f} ms, or challenger and champion are loaded at once. "
                "The service neither passed nor failed. Take another machine, or less load.seconds in pipeline.toml.",
                "clock-moved",
                is_lost=True,
            )

    def _hear(self, msg: Any, **_: Any) -> None:
        came = time.perf_counter()
        self._said[msg.type][msg.node_id] = (msg.data, came) if msg.type == messages.CLOCK else msg.data

    def _count(self, msg: Any, **_: Any) -> None:
        for *sample, length in msg.data:
            one = Sample(*sample)
            self._counted[msg.node_id] += 1
            label = self._clients[self._plan.blocks[one.block].variant].label
            count(self._environment, label, one, length)

    def _keep_answers(self, msg: Any, **_: Any) -> None:
        kept = self._clients[msg.data["variant"]].answers
        assert kept is not None
        kept += [(row, content) for row, content in msg.data["answers"]]
