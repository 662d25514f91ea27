"""SIGTERM under load, as an edge sees it: it polls /readyz and sends elsewhere once that is no longer 200.

Until then it sends at a steady rate, on open and on new connections. Every request sent must be answered, every answer
must be in the log, every record in the log must have been answered, and the process must end in time, even if clients
never finish their requests.
"""

import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.faults.figure import Figure, all_of, at_most, none_of, note
from benchmarks.faults.log_contents import predictions_in
from benchmarks.faults.mixed_load import ONE, MixedLoad
from benchmarks.faults.service_under_test import RunningService, running_service
from contracts.exits import Exit
from deploy.load_client import LoadClient, request_bytes
from testbed.served_folders import write_folder

ENDINGS = 10
REQUESTS_A_SECOND = 1000
LOAD_SECONDS = 0.5
LOOK_EVERY_SECONDS = 0.1
DRAIN_SECONDS = 1.0
GRACE_SECONDS = 10.0
UNFINISHED, SHORT_GRACE_SECONDS = 50, 2
# uvicorn checks for signals and for the end of requests every 0.1 s; then it closes the remaining connections.
TO_STOP_SECONDS = 1
READY = request_bytes("/readyz")


@dataclass(frozen=True)
class Ending:
    """How one process ended after SIGTERM."""

    load: MixedLoad
    sent: int
    sent_after: int
    seconds: float
    exit_code: int


def run(folder: Path) -> list[Figure]:
    """Send SIGTERM to many processes under load."""
    model = write_folder(folder / "model")
    endings = []
    missing = unanswered = 0
    for number in range(ENDINGS):
        log = folder / str(number)
        with running_service(model, log, DRAIN_SECONDS=str(DRAIN_SECONDS), GRACE_SECONDS=str(GRACE_SECONDS)) as service:
            ending = end(service)
        kept = predictions_in(log).ids
        missing += len(ending.load.predictions - kept)
        unanswered += len(kept - ending.load.predictions)
        endings.append(ending)
    return [*figures(endings, missing, unanswered), held_up(model, folder / "held up")]


def held_up(model: Path, log: Path) -> Figure:
    """SIGTERM to a service whose clients do not finish their requests."""
    settings = {"DRAIN_SECONDS": "0", "GRACE_SECONDS": str(SHORT_GRACE_SECONDS), "BODY_SECONDS": "600"}
    with ExitStack() as open_ones, running_service(model, log, **settings) as service:
        for _ in range(UNFINISHED):
            open_ones.enter_context(service.process.connect()).sendall(ONE[:-1])
        # This connection is accepted after the unfinished ones, so they have arrived when it is answered.
        service.metric("in_flight")
        service.process.child.send_signal(signal.SIGTERM)
        signalled = perf_counter()
        service.process.child.wait(timeout=60)
        seconds = perf_counter() - signalled
    what = f"until the end with {UNFINISHED} unfinished requests, of {SHORT_GRACE_SECONDS} s grace"
    return at_most(what, seconds, SHORT_GRACE_SECONDS + TO_STOP_SECONDS, " s")


def end(service: RunningService) -> Ending:
    """Send a mixed load, then SIGTERM; go on sending until /readyz is no longer 200; wait for the end."""
    with LoadClient(service.address, at_most=256) as client, LoadClient(service.address, at_most=4) as health:
        load = MixedLoad(client)
        started = look_at = perf_counter()
        sent = sent_after = 0
        signalled = 0.0
        is_ready = True
        while is_ready:
            now = perf_counter()
            if not signalled and now - started >= LOAD_SECONDS:
                service.process.child.send_signal(signal.SIGTERM)
                signalled = perf_counter()
            while started + sent / REQUESTS_A_SECOND <= now and load.send(started + sent / REQUESTS_A_SECOND):
                sent += 1
                sent_after += bool(signalled)
            if now >= look_at:
                look_at += LOOK_EVERY_SECONDS
                health.send(READY, now)
            is_ready = all(one.status == 200 for one in health.poll(0))
            for exchange in client.poll(0.0005):
                load.take(exchange)
        load.drain(GRACE_SECONDS)
        exit_code = service.process.child.wait(timeout=60)
        return Ending(load, sent, sent_after, perf_counter() - signalled, exit_code)


def figures(endings: list[Ending], missing: int, unanswered: int) -> list[Figure]:
    """All endings together."""
    sent = sum(one.sent for one in endings)
    good = sum(status in (200, 202) for one in endings for status in one.load.statuses + one.load.label_statuses)
    told = sum(len(one.load.predictions) for one in endings)
    return [
        all_of("requests sent until /readyz said no, answered", good, sent, "requests"),
        none_of("acknowledged predictions missing from the log", missing, told, "predictions"),
        none_of("predictions in the log without an answer", unanswered, told, "predictions"),
        all_of("processes that exited 0", sum(one.exit_code == Exit.PASS for one in endings), ENDINGS, "processes"),
        at_most(
            f"longest from SIGTERM to the end, of {DRAIN_SECONDS:g} s drain and {GRACE_SECONDS:g} s grace",
            max(one.seconds for one in endings),
            DRAIN_SECONDS + GRACE_SECONDS,
            " s",
        ),
        note("sent after SIGTERM", f"{sum(one.sent_after for one in endings):,} requests"),
    ]
