"""One measured run of Locust: warm up, replay the plan, write what was seen. A process of its own, started by run.py.

A process of its own, because Locust replaces Python's sockets and threads by gevent's on import, and because its CPU
time must not be mixed with that of reading tables.

Reads   the plan
Writes  measured.json, and Locust's own locust.html, locust_stats.csv, locust_failures.csv, locust_exceptions.csv
"""

import argparse
import csv
import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import locust.stats
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV, StatsEntry, stats_history
from locustfile import ANSWER_SECONDS, Client
from plan import Measured, Plan, Sample
from process_figures import cpu_seconds

from contracts.schema import read_json, write_json

# Time for all clients to start, before the first request of the warm-up is due.
SPAWN_SECONDS = 0.5
# Locust's clock starts a little early, lest its reset come after the first counted answer.
RESET_SECONDS = 0.1
locust.stats.HISTORY_STATS_INTERVAL_SEC = 1


class FineStatsCSV(StatsCSV):
    """Locust's CSV files, without its cut to whole milliseconds."""

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> list[str] | list[int]:
        if use_current or not stats_entry.num_requests:
            return super()._percentile_fields(stats_entry, use_current)
        return [str(stats_entry.get_response_time_percentile(share)) for share in self.percentiles_to_report]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the service's process, whose CPU seconds are read")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    environment = Environment(user_classes=[Client], host=asked.host, catch_exceptions=False)
    measured = run(environment, read_json(asked.plan, Plan, "make load-test"), asked.pid)
    write_json(asked.out / "measured.json", measured)
    write_locusts_own(environment, asked.out)


def run(environment: Environment, plan: Plan, pid: int) -> Measured:
    """Send every request of the plan. Raises what a client raised, which is a fault in locustfile.py."""
    samples: list[Sample] = []
    request: Any = environment.events.request  # Locust has no types for it
    request.add_listener(_collector(samples))
    gc.collect()
    gc.freeze()  # the plan's objects stay: no pause for looking through them again
    Client.plan = plan
    Client.positions = range(plan.planned_requests)
    Client.begins_at = time.perf_counter() + SPAWN_SECONDS + plan.warmup_seconds
    Client.gives_up_at = Client.begins_at + plan.seconds + ANSWER_SECONDS
    runner: Any = environment.create_local_runner()
    runner.start(plan.connections, spawn_rate=plan.connections)
    gevent.spawn(stats_history, runner)
    runner.spawning_greenlet.join()
    gevent.sleep(Client.begins_at - RESET_SECONDS - time.perf_counter())
    environment.stats.reset_all()
    gevent.sleep(Client.begins_at - time.perf_counter())
    before = cpu_seconds(pid)
    runner.user_greenlets.join(raise_error=True)
    spent = cpu_seconds(pid) - before
    runner.quit()
    if len(samples) != plan.counted_requests:
        raise RuntimeError(f"{len(samples)} requests were counted, {plan.counted_requests} were due.")
    return Measured(samples=tuple(samples), cpu_seconds=spent)


def write_locusts_own(environment: Environment, folder: Path) -> None:
    page: str = get_html_report(environment, show_download_link=False)  # type: ignore[no-untyped-call]
    (folder / "locust.html").write_text(page, encoding="utf-8")
    tables = FineStatsCSV(environment, PERCENTILES_TO_REPORT)
    for name, write in (
        ("stats", tables.requests_csv),
        ("failures", tables.failures_csv),
        ("exceptions", tables.exceptions_csv),
    ):
        with (folder / f"locust_{name}.csv").open("w", newline="", encoding="utf-8") as file:
            write(csv.writer(file))


def _collector(samples: list[Sample]) -> Callable[..., None]:
    def collect(context: dict[str, float], exception: str | None, **_: Any) -> None:
        samples.append(Sample(**context, fault=exception or ""))

    return collect


if __name__ == "__main__":
    main()
