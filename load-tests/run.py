"""load-test: is the service fast enough and always right, under the traffic to expect?

Starts the challenger, as the image that was built or, where none was, as a process, and replays rows of the next window
with Locust, each with the values that the source has. Requests are due at fixed times, whether or not earlier ones were
answered, and latencies count from then. Every answer is compared with the model's own output for the row as training
has it. The warm-up is not counted.

With a champion, both are served in the same way at the same time and loaded in interleaved blocks; the interval of the
ratio of their figures decides. The limits in ms and MB are a wide guard beside it; without a champion of this project
(contracts/pipeline_toml/champion.py) they decide alone. Then every other route gets rows of each category, and the log
must have one right record for each answer. If a busy machine alone explains the times, the verdict is "unmeasured",
which does not pass.

Reads   build/data/: replay.parquet, requests.parquet, data.json; build/train/model, build/image, build/champion; from
        the environment TARGET: auto (the image where one was built, else a process; the default), image or process;
        LOAD_WORKERS, LOAD_LISTEN, LOAD_WAIT_SECONDS: who sends the load (workers/crew.py), else one process
Writes  build/load-test: verdict.json; locust.html and locust_*.csv, Locust's own; requests/, the request log that drift
        reads; service.log; champion/, the same of the champion; plan.json and measured.json, what was sent and every
        request's times
Exits   0 within all limits · 3 a limit broken, a service did not start or ended by itself, or a worker was lost · 2 an
        earlier stage has not run, wrong configuration, or workers that are missing or differ

Taught in docs/learn/en/01-cycle.md.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    import contracts  # noqa: F401
except ModuleNotFoundError:
    print("Run `make load-test`, or set PYTHONPATH to the checkout's root.", file=sys.stderr)
    sys.exit(2)

import paired
import pyarrow.parquet
from checks.log import faults_of_log
from checks.looked import Looked
from checks.routes import Asked, ask_routes
from child_process import last_lines, running
from limits import Subject, VariantFigures, figures, headline, judge
from plan import (
    CHALLENGER,
    CHAMPION,
    GAP_SECONDS,
    SOURCES_FILE,
    WORKERS_FILE,
    Ending,
    Measured,
    Plan,
    Variant,
    interleaved,
    one_block,
)  # fmt: skip
from service_container import Container, served_image
from service_process import SERVICE, Service, served
from targets import Target, challenger_target, champion_target
from traffic import replayed
from workers.crew import LOOPBACK, Crew, crew_of
from workers.started import TIMERS, LostWorkerError, error_of, started

from contracts.data_manifest import REQUESTS_FILE, DataManifest
from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.champion import FoundChampion, champion_of
from contracts.pipeline_toml.keys import Load
from contracts.request_log import NOT_TRAFFIC, SourceRecord
from contracts.schema import read_json, write_json
from contracts.stage import Context, Outcome, run_stage
from contracts.terminal.progress import progress
from contracts.verdict import PairedRun
from scoring.scorer import Scorer, load_scorer
from training.dataset.table_digest import table_digest

MEASURED_RUN = Path(__file__).resolve().parent / "measured_run.py"
WATCH_SECONDS = 0.1
# Different rows that are sent at most; a longer run sends them again.
MOST_ROWS = 50_000
# Beyond warm-up and load: Locust's start, the wait for the last answers, its pages.
SPARE_SECONDS = 60.0
# Reading a container's CPU seconds takes long where its process is not on this machine.
REMOTE_GAP_SECONDS = 0.6
ONE_PROCESS = Crew()


@dataclass(frozen=True)
class Contestant:
    """A model folder, its scorer, and how it is served."""

    folder: Path
    scorer: Scorer
    target: Target
    output: Path


def work(context: Context) -> Outcome:
    """Serve the challenger as in production, load it beside the champion, and judge it."""
    return load_test(context, SERVICE)


def load_test(context: Context, service_command: Sequence[str], champion_command: Sequence[str] = SERVICE) -> Outcome:
    """The stage. `service_command`, `champion_command`: serve the models, if they run as processes."""
    try:
        return _load_test(context, service_command, champion_command)
    except LostWorkerError as error:
        return Outcome("unmeasured", str(error), Exit.FINDING, error.code)


def _load_test(context: Context, service_command: Sequence[str], champion_command: Sequence[str]) -> Outcome:
    folder, load = context.folder, context.config.load
    crew = crew_of(os.environ, load.connections)
    data = read_json(context.build.stage("data") / "data.json", DataManifest, "make data")
    found = champion_of(context.build, context.config)
    contestants = list(_contestants(context, found))
    commands = (service_command, champion_command)
    with contextlib.ExitStack() as running_services:
        services = [
            running_services.enter_context(serve(one, command, crew.host))
            for one, command in zip(contestants, commands, strict=False)
        ]
        plan, left_out = make_plan(context, contestants, _gap_seconds(services))
        write_json(folder / "plan.json", plan)
        measured = run_locust(services, plan, folder, crew)
        peaks = [service.watched.peak_mb() for service in services]
        asked = ask_routes(services[CHALLENGER].url, contestants[CHALLENGER].scorer, plan.variants[CHALLENGER].requests)
    seen = [
        figures(plan, measured, variant, peak, service.was_killed)
        for variant, (peak, service) in enumerate(zip(peaks, services, strict=True))
    ]
    challenger = contestants[CHALLENGER]
    compared = _paired(plan, measured, load, contestants[CHAMPION], seen[CHAMPION]) if len(seen) > 1 else None
    looked = Looked(asked.rows, asked.faults, _log_faults(challenger, plan, asked), measured.machine)
    subject = Subject(challenger.scorer.digest, data.digest, context.settings)
    verdict = judge(seen[CHALLENGER], load, subject, challenger.target, compared, found.first_run, looked)
    write_json(folder / "verdict.json", verdict)
    if verdict.reasons:
        return Outcome(verdict.verdict, " ".join(verdict.reasons), Exit.FINDING)
    return Outcome("pass", headline(verdict) + _about(left_out))


def _contestants(context: Context, found: FoundChampion) -> Iterator[Contestant]:
    """The challenger, and the champion where there is one to compare with."""
    build, folder = context.build, context.folder
    if not build.challenger.is_dir():
        raise UsageError(f"{build.challenger} is not there. Run `make train` first.", code="no-model-folder")
    scorer = load_scorer(build.challenger)
    target = challenger_target(build, scorer.digest, os.environ)
    yield Contestant(build.challenger, scorer, target, folder)
    if found.folder is not None:  # an unreadable champion is an error, not "no champion"
        champion = load_scorer(found.folder)
        yield Contestant(found.folder, champion, champion_target(build, champion.digest, target), folder / "champion")


def serve(
    one: Contestant, command: Sequence[str], host: str = LOOPBACK
) -> "contextlib.AbstractContextManager[Service | Container]":
    """The contestant, ready to be loaded at `host`; `command` serves it where it is a process."""
    one.output.mkdir(parents=True, exist_ok=True)
    requests, log = one.output / "requests", one.output / "service.log"
    if one.target.image:
        return served_image(one.target.image, requests, log, one.target.model, host=host)
    return served(one.folder, requests, log, command, host=host)


def make_plan(context: Context, contestants: Sequence[Contestant], gap_seconds: float) -> tuple[Plan, int]:
    """What to send when to whom, and how many rows of the replay table cannot be sent. Raises UsageError."""
    load = context.config.load
    counted = max(1, round(load.requests_per_second * load.seconds))
    blocks = one_block(counted)
    if len(contestants) > 1:
        in_block = max(1, round(counted / load.blocks))
        blocks = interleaved(load.blocks, in_block, in_block / load.requests_per_second, gap_seconds)
    table = _replay(context)
    wanted = min(round(load.requests_per_second * load.warmup_seconds) + counted, MOST_ROWS)
    traffic = [replayed(table, one.scorer, wanted, context.config.data.seed) for one in contestants]
    variants = tuple(
        Variant(model=one.scorer.digest, requests=sent.requests) for one, sent in zip(contestants, traffic, strict=True)
    )
    plan = Plan(
        requests_per_second=load.requests_per_second,
        connections=load.connections,
        warmup_seconds=load.warmup_seconds,
        variants=variants,
        blocks=blocks,
    )
    return plan, traffic[CHALLENGER].left_out


def _replay(context: Context) -> Path:
    """The replay table. Raises UsageError where it is not there, FindingError where it or what is sent is another."""
    folder = context.build.stage("data")
    manifest = read_json(folder / "data.json", DataManifest, "make data")
    table = folder / "replay.parquet"
    for path, described in ((table, manifest.tables["replay"].digest), (folder / REQUESTS_FILE, manifest.requests)):
        if not path.exists():
            raise UsageError(f"{path} is not there. Run `make data` first.")
        seen = table_digest(pyarrow.parquet.read_table(path))
        if seen != described:
            raise FindingError(
                f"{path} is not the table that data.json describes: its digest is {seen[:19]}, required "
                f"{described[:19] or 'one'}. Run `make data` again.",
                code="other-replay",
            )
    return table


def _log_faults(challenger: Contestant, plan: Plan, asked: Asked) -> Counter[str]:
    """Faults of the challenger's log, which has the load and the routes' rows; marks the latter as no traffic."""
    requests = challenger.output / "requests"
    rows = {one.row: one.body for one in plan.variants[CHALLENGER].requests}
    lines = (requests / SOURCES_FILE).read_text(encoding="utf-8").splitlines()
    sources = [SourceRecord.model_validate_json(line) for line in lines]
    sent = [(one.id, json.loads(rows[one.row])) for one in sources]
    beside = (SourceRecord(id=identity, row=NOT_TRAFFIC).model_dump_json() for identity, _ in asked.sent)
    (requests / "sources-routes.jsonl").write_text("".join(f"{line}\n" for line in beside), encoding="utf-8")
    return faults_of_log(requests, challenger.scorer, [*sent, *asked.sent])


def run_locust(services: Sequence[Service | Container], plan: Plan, folder: Path, crew: Crew = ONE_PROCESS) -> Measured:
    """Run Locust beside the services, on workers where `crew` has them.

    Raises ServiceError when a service ends, RuntimeError when Locust does, UsageError for workers that are missing or
    differ, and LostWorkerError.
    """
    log = folder / "locust.log"
    command = [sys.executable, str(MEASURED_RUN), "--plan", str(folder / "plan.json"), "--out", str(folder)]
    for service in services:
        command += ["--host", service.url, "--watch", str(service.watched)]
    if crew.number:
        command += ["--workers", str(crew.number), "--listen", crew.host, "--port", str(crew.port)]
        command += ["--wait", str(crew.wait_seconds)]
    seconds = plan.warmup_seconds + plan.ends_s
    began = time.monotonic()
    deadline = began + seconds + SPARE_SECONDS + (crew.wait_seconds + SPARE_SECONDS if crew.number else 0)
    with running(command, log, TIMERS) as client, started(crew, client, log, folder) as workers:
        with progress("load, seconds", seconds) as shown:
            while client.poll() is None:
                shown.at(min(time.monotonic() - began, seconds))
                _check_alive(services)
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Locust did not end within {SPARE_SECONDS:.0f} s of the load's end. See {log}.")
                time.sleep(WATCH_SECONDS)
        if (folder / WORKERS_FILE).exists():
            raise error_of(read_json(folder / WORKERS_FILE, Ending, "make load-test"), workers, folder)
    _check_alive(services)
    if client.returncode:
        raise RuntimeError(f"Locust ended with exit code {client.returncode}. {last_lines(log)}")
    return read_json(folder / "measured.json", Measured, "make load-test")


def _check_alive(services: Sequence[Service | Container]) -> None:
    for service in services:
        service.check_alive("under load")


def _gap_seconds(services: Sequence[Service | Container]) -> float:
    return REMOTE_GAP_SECONDS if any(service.watched.container for service in services) else GAP_SECONDS


def _paired(plan: Plan, measured: Measured, load: Load, champion: Contestant, seen: VariantFigures) -> PairedRun:
    blocks = [block for block in plan.blocks if block.variant == CHAMPION]
    return PairedRun(
        champion=champion.scorer.digest,
        served=champion.target.served,
        blocks=len(blocks),
        block_seconds=plan.seconds(blocks[0]),
        confidence=paired.CONFIDENCE,
        max_ratio=load.max_ratio,
        failures=seen.failures,
        ratios=paired.of_plan(plan, measured, load.max_ratio),
    )


def _about(left_out: int) -> str:
    if not left_out:
        return ""
    return f" {left_out:,} rows of the replay table were not sent: they lack a value that training never saw missing."


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.CRASH))  # so that the service is stopped, too
    run_stage("load-test", __doc__, work)
