"""One worker of a load test: sends its share of the plan, and tells the master of each request.

`LOAD_WORKERS=3 make load-test` starts them itself. On other machines: `LOAD_MASTER=10.0.0.5 make load-worker`, in a
checkout of the same commit; docs/scale.md. It measures by its own monotonic clock, from its own beginning. It ends with
the load test, which may begin up to five minutes later.

Reads   from the environment LOAD_MASTER, as host or host:port; LOAD_WORKER, its name (host and process where not set)
Writes  nothing
Exits   0 it sent its share · 2 no load test answered, or it was refused · 1 the load test ended without it
"""

import argparse
import gc
import itertools
import math
import os
import socket
import sys
import time
from typing import Any, ClassVar

import gevent
import locust.runners
from checks.machine import MachineWatch
from gevent.queue import Queue
from locust.env import Environment
from locustfile import ANSWER_SECONDS, Client
from measured_run import RESET_SECONDS, SCRIPT, clients_of
from plan import Plan, Sample
from workers import messages
from workers.crew import Hello, address_of, connections_of, load_versions

from contracts.exits import Exit, OutsideError, UsageError

SEND_SECONDS = 1.0
# Answers in one message, so that none delays a heartbeat.
ANSWERS_AT_ONCE = 10_000
locust.runners.WORKER_LOG_REPORT_INTERVAL = -1


class ReportingClient(Client):
    """Its counted requests wait in `counted` to be sent to the master. Locust's own statistics stay empty here."""

    counted: ClassVar[list[tuple[Any, ...]]] = []

    def report(self, sample: Sample, response_length: int) -> None:
        self.counted.append((*sample, response_length))


class Worker:
    """Its connection to the master, which is gone once `hear` raises."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self._told: Queue[Any] = Queue()
        self._sent = 0
        self._environment = Environment(catch_exceptions=False, locustfile=SCRIPT)
        try:
            self._runner: Any = self._environment.create_worker_runner(host, port)
        except ConnectionError:
            raise UsageError(f"No load test answered at {host}:{port} within five minutes (LOAD_MASTER).") from None
        reports: Any = self._environment.events.report_to_master  # untyped for it
        reports.add_listener(_without_our_time)
        for kind in (messages.PLAN, messages.BEGIN, messages.END):
            self._runner.register_message(kind, lambda msg, **_: self._told.put((msg.type, msg.data)))
        self._runner.register_message(messages.CLOCK, lambda **_: self.say(messages.CLOCK, time.perf_counter()))
        self.say(messages.HELLO, Hello(name=name, versions=load_versions()).model_dump())
        gevent.spawn(self._notice_the_end)

    def say(self, kind: str, content: Any) -> None:
        self._runner.send_message(kind, content)

    def hear(self, kind: str) -> Any:
        """What the master says of this kind. Raises UsageError where it refuses this worker, OutsideError if gone."""
        said, content = self._told.get()
        if said == kind:
            return content
        if said == messages.END and content:
            raise UsageError(content)
        raise OutsideError("The load test ended before this worker had sent its share.")

    def send(self, plan: Plan, clients: list[type[Client]], begins_at: float) -> None:
        """Send this worker's share of the plan, and report it. Raises what a client raised."""
        gc.collect()
        gc.freeze()
        Client.begins_at, Client.gives_up_at = begins_at, begins_at + plan.ends_s + ANSWER_SECONDS
        self._environment.user_classes = [*clients]
        self._runner.start_worker({one.__name__: one.fixed_count for one in clients})
        gevent.sleep(max(0.0, begins_at - RESET_SECONDS - time.perf_counter()))
        machine = MachineWatch(())
        sending = gevent.spawn(self._keep_sending)
        self._runner.user_greenlets.join(raise_error=True)
        gevent.kill(sending)
        self._send_counted()
        self.say(messages.DONE, {"counted": self._sent, "machine": machine.seen()})
        for variant, client in enumerate(clients):
            answers = client.answers or []
            for begin in range(0, len(answers), ANSWERS_AT_ONCE):
                self.say(messages.ANSWERS, {"variant": variant, "answers": answers[begin : begin + ANSWERS_AT_ONCE]})
        self.say(messages.SENT, "")

    def _keep_sending(self) -> None:
        while True:
            gevent.sleep(SEND_SECONDS)
            self._send_counted()

    def _send_counted(self) -> None:
        waiting, ReportingClient.counted[:] = ReportingClient.counted[:], []
        self._sent += len(waiting)
        self.say(messages.SAMPLES, waiting)

    def _notice_the_end(self) -> None:
        self._runner.greenlet.join()
        self._told.put((messages.END, ""))


def _without_our_time(data: dict[str, Any], **_: Any) -> None:
    """Locust's page would otherwise begin when this machine's wall clock says so."""
    data["stats_total"]["start_time"] = math.inf


def share_of(plan: Plan, hosts: list[str], number: int, workers: int) -> list[type[Client]]:
    """The clients of worker `number`, of each variant."""
    clients = []
    for variant, host in enumerate(hosts):
        client = clients_of(variant, host, plan, ReportingClient)
        mine = connections_of(number, workers, plan.connections)
        client.numbers, client.fixed_count = itertools.count(mine.start, mine.step), len(mine)
        clients.append(client)
    return clients


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--master", default=os.environ.get("LOAD_MASTER", ""))
    parser.add_argument("--name", default=os.environ.get("LOAD_WORKER") or f"{socket.gethostname()}:{os.getpid()}")
    asked = parser.parse_args()
    try:
        worker = Worker(*address_of(asked.master, "LOAD_MASTER"), asked.name)
        told = worker.hear(messages.PLAN)
        plan = messages.unpacked(told["plan"])
        clients = share_of(plan, told["hosts"], told["number"], told["workers"])
        worker.say(messages.READY, messages.digest_of(plan))
        print(f"{asked.name}: worker {told['number'] + 1} of {told['workers']}", flush=True)
        worker.send(plan, clients, worker.hear(messages.BEGIN))
        if sentence := worker.hear(messages.END):
            raise OutsideError(sentence)
    except (UsageError, OutsideError) as error:
        print(error, file=sys.stderr)
        sys.exit(Exit.USAGE if isinstance(error, UsageError) else Exit.CRASH)


if __name__ == "__main__":
    main()
