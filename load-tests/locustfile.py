"""A Locust client: sends the rows of a plan, each when it is due, and checks the answer.

An open loop, as far as one connection allows: each client has its own due times, evenly spaced between those of the
others, and sleeps until the next. A late client sends at once; its latency still counts from the due time, in the
verdict and on Locust's pages.

`make load-test` runs it headless (measured_run.py). With Locust's own page, against any host, after `make load-test`
has written the plan and without an end:

    .venv/bin/locust -f load-tests/locustfile.py --host http://127.0.0.1:8000

Each user then sends load.requests_per_second / load.connections; load.connections users give the load of the stage.
"""

import itertools
import math
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import gevent
import locust.stats
from answers import fault
from latency import bucket
from locust import FastHttpUser, events, task
from locust.exception import StopUser
from plan import CHALLENGER, WARM_UP, Due, Plan, Request, Sample

from contracts.exits import Exit, UsageError
from contracts.schema import read_json

ANSWER_SECONDS = 10.0
# The event loop's timers fire 0.1 ms (select) to 1 ms (epoll) late: so they are set early, and the rest is a busy wait.
EARLY_SECONDS = 0.0002
JSON = {"Content-Type": "application/json"}

locust.stats.bucket_response_time = bucket  # type: ignore[assignment]  # Locust declares whole milliseconds


class Client(FastHttpUser):
    """One connection. The class attributes are set before the first client starts; the defaults have no end."""

    connection_timeout = ANSWER_SECONDS
    network_timeout = ANSWER_SECONDS

    plan: ClassVar[Plan]
    variant: ClassVar[int] = CHALLENGER
    label: ClassVar[str] = "/predict"
    # Both on the clock of time.perf_counter(). None: counting begins when the client starts.
    begins_at: ClassVar[float | None] = None
    gives_up_at: ClassVar[float] = math.inf
    numbers: ClassVar["itertools.count[int]"] = itertools.count()
    # Each row of the replay table that was sent, and the answer. None in Locust's own page, which runs without an end.
    answers: ClassVar[list[tuple[int, bytes]] | None] = None

    def on_start(self) -> None:
        number = next(self.numbers) % self.plan.connections
        self.begin = time.perf_counter() if self.begins_at is None else self.begins_at
        self.mine = itertools.islice(self.timetable(), number, None, self.plan.connections)
        self.next = next(self.mine, None)
        self.requests = self.plan.variants[self.variant].requests
        gevent.sleep(self.wait_time())

    def timetable(self) -> Iterator[Due]:
        """The requests of all clients of this variant; here, for Locust's own page, without an end."""
        return (Due(number, number / self.plan.requests_per_second, 0) for number in itertools.count())

    def wait_time(self) -> float:
        """Seconds until shortly before the next request is due."""
        if self.next is None:
            raise StopUser
        return max(0.0, self.begin + self.next.due_s - time.perf_counter() - EARLY_SECONDS)

    @task
    def predict(self) -> None:
        now, self.next = self.next, next(self.mine, None)
        if now is None:
            raise StopUser
        due = self.begin + now.due_s
        while (sent := time.perf_counter()) < due:
            gevent.sleep(0)
        request = self.requests[now.number % len(self.requests)]
        answer = None
        if sent <= self.gives_up_at:
            answer = self.client.post("/predict", data=request.body, headers=JSON, catch_response=True)
        done = time.perf_counter()
        if self.answers is not None and answer is not None and answer.status_code == HTTPStatus.OK:
            self.answers.append((request.row, answer.content))
        if now.block != WARM_UP:
            since = self.begin
            sample = Sample(now.block, due - since, sent - since, done - since, self._fault(answer, request))
            self.report(sample, 0 if answer is None else answer.request_meta["response_length"])

    def _fault(self, answer: Any, request: Request) -> str:
        return wrong_with(answer, request, self.plan.variants[self.variant].model)

    def report(self, sample: Sample, response_length: int) -> None:
        """Count the request; a worker does it elsewhere."""
        count(self.environment, self.label, sample, response_length)


def count(environment: Any, label: str, sample: Sample, response_length: int) -> None:
    """Report to Locust and its listeners. `context` has the times, in seconds after counting began."""
    environment.events.request.fire(
        request_type="POST",
        name=label,
        response_time=(sample.done_s - sample.due_s) * 1000,
        response_length=response_length,
        exception=sample.fault or None,
        context={"sample": sample},
    )


def wrong_with(answer: Any, request: Request, model: str) -> str:
    """What is wrong with an answer of Locust's client; None is a request that was not sent."""
    if answer is None:
        return f"not sent within {ANSWER_SECONDS:.0f} s of the end"
    broken = answer.request_meta["exception"]
    if answer.status_code in (0, 200) and broken is not None:
        return f"no whole answer: {type(broken).__name__}"
    return fault(answer.status_code, answer.content if answer.status_code == 200 else b"", request, model)


def _add_plan(parser: Any) -> None:
    about = "what to send; `make load-test` writes it"
    parser.add_argument("--plan", default="build/load-test/plan.json", help=about, include_in_web_ui=False)


def _read_plan(environment: Any, **_: Any) -> None:
    try:
        Client.plan = read_json(Path(environment.parsed_options.plan), Plan, "make load-test")
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(Exit.USAGE)


locusts_own: Any = events  # fired by the `locust` command only
locusts_own.init_command_line_parser.add_listener(_add_plan)
locusts_own.init.add_listener(_read_plan)
