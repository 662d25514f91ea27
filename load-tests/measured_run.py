"""One measured run of Locust: warm up, replay the plan, write the measurements. Started by run.py.

It is a process of its own, because Locust replaces Python's sockets and threads by gevent's on import, and its CPU time
must not include the reading of tables. With --workers it sends nothing itself: workers do (workers/master.py), and say
where to come in on standard output.

Reads   the plan
Writes  measured.json, or workers.json where workers were missing, others or lost; requests/sources-load-test.jsonl of
        each variant, which row of the table each prediction answers; and Locust's own locust.html, locust_stats.csv,
        locust_failures.csv, locust_exceptions.csv
"""

import argparse
import contextlib
import csv
import gc
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import gevent
import locust.stats
from checks.machine import MachineWatch, Observed, machine_of
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV, StatsEntry, stats_history
from locustfile import ANSWER_SECONDS, Client
from plan import GAP_SECONDS, SOURCES_FILE, WORKERS_FILE, Due, Measured, Plan, Sample
from process_figures import Watched
from workers.crew import LOOPBACK, WAIT_SECONDS, Crew
from workers.master import CrewError, Workers

from contracts.exits import Exit
from contracts.request_log import SourceRecord
from contracts.schema import read_json, write_json

# For all clients to start before the first request of the warm-up is due.
SPAWN_SECONDS = 0.5
# Locust's statistics are reset this long before counting begins, and so before the first counted answer.
RESET_SECONDS = 0.1
# The variants' names on Locust's pages, if there are several.
LABELS = ("/predict (challenger)", "/predict (champion)", "/predict (third)")
NAMES = ("Challenger", "Champion", "Third")
MEMORY_LOOKS = 40
locust.stats.HISTORY_STATS_INTERVAL_SEC = 1


class FineStatsCSV(StatsCSV):
    """Locust's CSV files, without its cut to whole milliseconds."""

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> list[str] | list[int]:
        if use_current or not stats_entry.num_requests:
            return super()._percentile_fields(stats_entry, use_current)
        return [str(stats_entry.get_response_time_percentile(share)) for share in self.percentiles_to_report]


# The script that Locust's page names.
SCRIPT = "load-tests/locustfile.py"


class Clients(Protocol):
    """All clients of a run, wherever they are. Counting begins when `start` says, on time.perf_counter()."""

    def start(self) -> float: ...
    def sleep_until(self, moment: float) -> None: ...
    def join(self) -> None: ...
    def end(self) -> None: ...
    def observed(self) -> Sequence[Observed | None]:
        """What each other machine's process saw."""


class ClientsHere:
    """All clients in this process."""

    def __init__(self, environment: Environment, plan: Plan) -> None:
        self._runner: Any = environment.create_local_runner()
        self._plan = plan

    def start(self) -> float:
        begins_at = time.perf_counter() + SPAWN_SECONDS + self._plan.warmup_seconds
        Client.begins_at, Client.gives_up_at = begins_at, begins_at + self._plan.ends_s + ANSWER_SECONDS
        users = self._plan.connections * len(self._plan.variants)
        self._runner.start(users, spawn_rate=users)
        self._runner.spawning_greenlet.join()
        return begins_at

    def sleep_until(self, moment: float) -> None:
        gevent.sleep(max(0.0, moment - time.perf_counter()))

    def join(self) -> None:
        self._runner.user_greenlets.join(raise_error=True)

    def end(self) -> None:
        self._runner.quit()

    def observed(self) -> Sequence[Observed | None]:
        return ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--host", action="append", required=True, help="of each variant, in the plan's order")
    parser.add_argument("--watch", action="append", required=True, type=Watched.parse, help="each variant's process")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0, help="0: this process sends the load")
    parser.add_argument("--listen", default=LOOPBACK, help="where workers come in")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--wait", type=float, default=WAIT_SECONDS, help="how long for workers, in seconds")
    asked = parser.parse_args()
    plan = read_json(asked.plan, Plan, "make load-test")
    classes = [clients_of(variant, host, plan) for variant, host in enumerate(asked.host)]
    environment = Environment(user_classes=list(classes), catch_exceptions=False, locustfile=SCRIPT)
    if asked.workers:
        crew = Crew(asked.workers, asked.listen, asked.port, asked.wait)
        measured = run_on_workers(environment, plan, asked.watch, classes, crew, asked.out)
    else:
        measured = run(environment, plan, asked.watch, ClientsHere(environment, plan))
    write_json(asked.out / "measured.json", measured)
    for client, folder in zip(classes, (asked.out, asked.out / "champion"), strict=False):
        write_sources(client.answers or (), folder / "requests" / SOURCES_FILE)
    write_locusts_own(environment, asked.out)


def run_on_workers(
    environment: Environment,
    plan: Plan,
    watched: Sequence[Watched],
    classes: Sequence[type[Client]],
    crew: Crew,
    folder: Path,
) -> Measured:
    """Exits with FINDING, and writes workers.json, where the workers are not those that are needed."""
    workers = Workers(environment, plan, classes, crew)
    print(json.dumps({"event": "listening", "url": f"{crew.host}:{workers.port}"}), flush=True)
    try:
        return run(environment, plan, watched, workers)
    except CrewError as error:
        workers.dismiss(str(error))
        write_json(folder / WORKERS_FILE, error.ending)
        raise SystemExit(Exit.FINDING) from None


def clients_of(variant: int, host: str, plan: Plan, kind: type[Client] = Client) -> type[Client]:
    """The clients of one variant, with connections of their own, so that a slow variant does not delay another."""

    class VariantClient(kind):  # type: ignore[misc, valid-type]  # a class that is a value
        fixed_count = plan.connections
        numbers = itertools.count()

        def timetable(self) -> Iterator[Due]:
            return plan.timetable(variant)

    VariantClient.host, VariantClient.plan, VariantClient.answers = host, plan, []
    VariantClient.variant = variant
    VariantClient.label = LABELS[variant] if len(plan.variants) > 1 else "/predict"
    # Locust identifies its user classes by name, and shows them on its pages.
    VariantClient.__name__ = VariantClient.__qualname__ = NAMES[variant]
    return VariantClient


def run(environment: Environment, plan: Plan, watched: Sequence[Watched], clients: Clients) -> Measured:
    """Send every request of the plan. Raises what a client raised, which is a fault in locustfile.py."""
    samples: list[Sample] = []
    request: Any = environment.events.request  # untyped for it
    request.add_listener(lambda context, **_: samples.append(context["sample"]))
    gc.collect()
    gc.freeze()  # the plan's objects stay, so the collector need not pause to scan them
    begins_at = clients.start()
    runner: Any = environment.runner
    gevent.spawn(stats_history, runner)
    clients.sleep_until(begins_at - RESET_SECONDS)
    environment.stats.reset_all()
    watch = MachineWatch(watched)
    memory: list[list[float]] = [[one.resident_mb()] for one in watched]
    looking = gevent.spawn(_look_at_memory, plan, watched, memory)
    spent = _cpu_seconds_of_blocks(plan, watched, begins_at, clients)
    gevent.kill(looking)
    for own, one in zip(memory, watched, strict=True):
        own.append(one.resident_mb())
    machine = machine_of(watch.seen(), clients.observed(), len(samples))
    clients.end()
    # Locust's page shows the ratio of the users at the end, when all of them have stopped already.
    runner.final_user_classes_count = {one.__name__: plan.connections for one in environment.user_classes}
    due = sum(block.requests for block in plan.blocks)
    if len(samples) != due:
        raise RuntimeError(f"{len(samples)} requests were counted, {due} were due.")
    return Measured(
        samples=tuple(samples),
        cpu_seconds=tuple(spent),
        resident_mb=tuple(map(tuple, memory)),
        machine=machine,
    )


def _look_at_memory(plan: Plan, watched: Sequence[Watched], memory: Sequence[list[float]]) -> None:
    """Read each service's memory at even intervals; not if that needs a command in its container."""
    while not any(one.container for one in watched):
        gevent.sleep(plan.ends_s / MEMORY_LOOKS)
        for own, one in zip(memory, watched, strict=True):
            own.append(one.resident_mb())


def _cpu_seconds_of_blocks(plan: Plan, watched: Sequence[Watched], begins_at: float, clients: Clients) -> list[float]:
    """CPU seconds of each block's service, from its beginning to the middle of the gap after it."""
    spent = []
    for block in plan.blocks:
        service = watched[block.variant]
        clients.sleep_until(begins_at + block.begin_s)
        before = service.cpu_seconds()
        if block is plan.blocks[-1]:
            clients.join()
        else:
            clients.sleep_until(begins_at + block.begin_s + plan.seconds(block) + GAP_SECONDS / 2)
        spent.append(service.cpu_seconds() - before)
    return spent


def write_sources(answers: Iterable[tuple[int, bytes]], path: Path) -> None:
    """Write which row each prediction answers, so that drift counts a row that is replayed many times once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row, content in answers:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                file.write(SourceRecord(id=json.loads(content)["id"], row=row).model_dump_json() + "\n")


def write_locusts_own(environment: Environment, folder: Path) -> None:
    # With two hosts the page would say "None". Set after the run: before it, this would override each class's host.
    environment.host = ", ".join(f"{one.host} ({one.__name__.lower()})" for one in environment.user_classes)
    page: str = get_html_report(environment, show_download_link=False)  # type: ignore[no-untyped-call]  # untyped
    (folder / "locust.html").write_text(page, encoding="utf-8")
    tables = FineStatsCSV(environment, PERCENTILES_TO_REPORT)
    for name, write in (
        ("stats", tables.requests_csv),
        ("failures", tables.failures_csv),
        ("exceptions", tables.exceptions_csv),
    ):
        with (folder / f"locust_{name}.csv").open("w", newline="", encoding="utf-8") as file:
            write(csv.writer(file))


if __name__ == "__main__":
    main()
