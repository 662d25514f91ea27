"""load-test: is the service fast enough and always right, under the traffic to expect?

Starts the service with the challenger, replays rows of the next window with Locust, and compares what a client saw with
the limits of [load] in pipeline.toml. Requests are due at fixed times, whether or not earlier ones were answered, and
latencies count from then. Every answer is compared with the model's own output. The warm-up is not counted.

Reads   build/data/replay.parquet, build/train/model
Writes  build/load-test: verdict.json; locust.html and locust_*.csv, Locust's own; requests/, the request log that drift
        reads; service.log; plan.json and measured.json, what was sent and every request's times
Exits   0 within all limits · 3 a limit broken, or the service did not start or ended by itself · 2 an earlier stage has
        not run, or wrong configuration
"""

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

try:
    import contracts  # noqa: F401
except ModuleNotFoundError:
    print("Run `make load-test`, or set PYTHONPATH to the checkout's root.", file=sys.stderr)
    sys.exit(2)

from child_process import last_lines, running
from limits import figures, headline, judge
from plan import Measured, Plan
from process_figures import peak_mb
from service_process import SERVICE, Service, served
from traffic import replayed

from contracts.config import Config
from contracts.exits import Exit, UsageError
from contracts.schema import read_json, write_json
from contracts.scoring import Scorer, load_scorer
from contracts.stage import Context, Outcome, run_stage

MEASURED_RUN = Path(__file__).resolve().parent / "measured_run.py"
WATCH_SECONDS = 0.1
# Different rows that are sent at most; a longer run sends them again.
MOST_ROWS = 50_000
# Beyond warm-up and load: Locust's start, the wait for the last answers, its pages.
SPARE_SECONDS = 60.0


def work(context: Context) -> Outcome:
    """Serve the challenger as production would, load it, judge it."""
    return load_test(context, SERVICE)


def load_test(context: Context, service_command: Sequence[str]) -> Outcome:
    """The stage, with whatever command serves the model."""
    build, folder = context.build, context.folder
    if not build.challenger.is_dir():
        raise UsageError(f"{build.challenger} is not there. Run `make train` first.")
    scorer = load_scorer(build.challenger)
    plan, left_out = make_plan(context.config, build.stage("data") / "replay.parquet", scorer)
    write_json(folder / "plan.json", plan)
    with served(build.challenger, folder / "requests", folder / "service.log", service_command) as service:
        measured = run_locust(service, plan, folder)
        peak = peak_mb(service.pid)
    seen = figures(measured, plan.seconds, peak, service.was_killed)
    verdict = judge(seen, context.config.load, scorer.digest)
    write_json(folder / "verdict.json", verdict)
    if verdict.reasons:
        return Outcome("fail", " ".join(verdict.reasons), Exit.FINDING)
    return Outcome("pass", headline(verdict) + _about(left_out))


def make_plan(config: Config, table: Path, scorer: Scorer) -> tuple[Plan, int]:
    """What to send when, and how many rows of the replay table cannot be sent. Raises UsageError."""
    load = config.load
    plan = Plan(
        model=scorer.digest,
        requests_per_second=load.requests_per_second,
        connections=load.connections,
        warmup_seconds=load.warmup_seconds,
        seconds=load.seconds,
        requests=(),
    )
    traffic = replayed(table, scorer, min(plan.planned_requests, MOST_ROWS), config.data.seed)
    return plan.model_copy(update={"requests": traffic.requests}), traffic.left_out


def _about(left_out: int) -> str:
    if not left_out:
        return ""
    return f" {left_out:,} rows of the replay table were not sent: they lack a value that training never saw missing."


def run_locust(service: Service, plan: Plan, folder: Path) -> Measured:
    """Run Locust beside the service. Raises ServiceError when the service ends, RuntimeError when Locust does."""
    log = folder / "locust.log"
    arguments = ["--plan", str(folder / "plan.json"), "--out", str(folder), "--host", service.url]
    command = [sys.executable, str(MEASURED_RUN), *arguments, "--pid", str(service.pid)]
    deadline = time.monotonic() + plan.warmup_seconds + plan.seconds + SPARE_SECONDS
    with running(command, log, {"GEVENT_BACKEND": "select"}) as client:  # epoll's timers have whole milliseconds
        while client.poll() is None:
            service.check_alive("under load")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Locust did not end within {SPARE_SECONDS:.0f} s of the load's end. See {log}.")
            time.sleep(WATCH_SECONDS)
    service.check_alive("under load")
    if client.returncode:
        raise RuntimeError(f"Locust ended with exit code {client.returncode}. {last_lines(log)}")
    return read_json(folder / "measured.json", Measured, "make load-test")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.CRASH))  # so that the service is stopped, too
    run_stage("load-test", __doc__, work)
