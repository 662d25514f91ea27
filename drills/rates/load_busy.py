"""How often the load test excuses a slow service, and blames one for a busy machine.

    python -m drills.rates.load_busy run slow-cpu --times 20   whole load tests of one case, by the stage's own code
    python -m drills.rates.load_busy write                     the table in docs/load.md, from all that was recorded

Services, load and burners are real. A slow service takes 12 ms more for each request, by work or by waiting, where
`load.max_p50_ms` is 10: it must fail, also beside burners. A healthy one beside burners, two for each core, must not
fail: it passes, or could not be measured. Runs are short, without a champion.

Reads   build/data, build/train/model, pipeline.toml
Writes  build/rates/load-busy/*.json; docs/load.md between its marks, drills/rates/load_busy.json
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from starlette.types import Receive, Scope, Send

from contracts.exits import Exit, UsageError
from contracts.outside.handbook import tables, write_between
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context
from contracts.verdict import LoadVerdict
from drills.rates.load import DOCUMENT, ROOT
from drills.rates.proportion import Proportion
from service import serve
from service.__main__ import main as serve_one_model
from service.http.application import Application

sys.path.insert(0, str(ROOT / "load-tests"))

from run import load_test
from service_process import SERVICE

BEGIN = "<!-- busy: written by `python -m drills.rates.load_busy write` -->"
END = "<!-- end of busy -->"
RATES = ROOT / "drills" / "rates" / "load_busy.json"
SLOWER_MS = 12.0
BURNERS_A_CORE = 2
SHORT = {"requests_per_second": 50.0, "seconds": 4.0, "warmup_seconds": 1.0}
BURN = "while True: pass"
# The service, whether burners run, and what a run must not say.
CASES: dict[str, tuple[str, bool, str]] = {
    "healthy": ("healthy", False, "fail"),
    "slow-cpu": ("slow by work", False, "unmeasured"),
    "slow-wait": ("slow by waiting", False, "unmeasured"),
    "healthy-busy": ("healthy", True, "fail"),
    "slow-wait-busy": ("slow by waiting", True, "pass"),
}
WRONG = {"fail": "blame", "unmeasured": "an excuse", "pass": "a pass"}


def main() -> Exit:
    """Run the command and return its exit code."""
    asked = _parser().parse_args()
    if asked.command == "serve":
        return serve_slowly(asked.how)
    build = Build(asked.build)
    folder = build.root / "rates" / "load-busy"
    folder.mkdir(parents=True, exist_ok=True)
    if asked.command == "run":
        whole_runs(build, load_config(asked.config), asked.case, asked.times, folder)
    else:
        text = section(folder)
        write_between(DOCUMENT, BEGIN, END, text)
        RATES.write_text(json.dumps(tables(text), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Exit.PASS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m drills.rates.load_busy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=ROOT / "pipeline.toml")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("case", choices=CASES)
    run.add_argument("--times", type=int, default=1)
    commands.add_parser("write")
    commands.add_parser("serve").add_argument("how", choices=("cpu", "wait"))
    return parser


def serve_slowly(how: str) -> Exit:
    """Serve, and work or wait for SLOWER_MS before each request."""

    class SlowApplication(Application):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if how == "wait":
                await asyncio.sleep(SLOWER_MS / 1000)
            else:
                began = time.thread_time()
                while time.thread_time() - began < SLOWER_MS / 1000:
                    pass
            await super().__call__(scope, receive, send)

    vars(serve)["Application"] = SlowApplication  # the planted fault
    sys.argv = sys.argv[:1]
    return serve_one_model()


def whole_runs(build: Build, config: Config, case: str, times: int, folder: Path) -> None:
    """Run the stage itself, `times` times, and keep each verdict."""
    service, is_busy, _ = CASES[case]
    slow = "cpu" if service == "slow by work" else "wait"
    command = SERVICE if service == "healthy" else (sys.executable, "-m", "drills.rates.load_busy", "serve", slow)
    short = config.model_copy(update={"load": config.load.model_copy(update=SHORT)})
    now = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    for number in range(times):
        with _burning(BURNERS_A_CORE * (os.cpu_count() or 1) if is_busy else 0), _without_champion(build) as own:
            outcome = load_test(Context(short, own, own.stage("load-test")), command)
            verdict = read_json(own.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")
        write_json(folder / f"{case}-{now}-{number:02}.json", verdict)
        print(f"{case}: {outcome.verdict}. {outcome.headline}", flush=True)


@contextlib.contextmanager
def _burning(processes: int) -> Iterator[None]:
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in burners:
            one.kill()
            one.wait()


@contextlib.contextmanager
def _without_champion(build: Build) -> Iterator[Build]:
    """A build folder with the tables and the challenger alone."""
    with tempfile.TemporaryDirectory() as scratch:
        own = Build(Path(scratch))
        for name in ("data", "train"):
            (own.root / name).symlink_to((build.root / name).resolve())
        own.stage("load-test").mkdir()
        yield own


def section(folder: Path) -> str:
    """The table. Raises UsageError if nothing was recorded."""
    found = {case: Counter[str]() for case in CASES}
    for case in CASES:
        for path in folder.glob(f"{case}-2*.json"):
            found[case][read_json(path, LoadVerdict, "run").verdict] += 1
    if not any(found.values()):
        raise UsageError(
            f"{folder} has no run. `python -m drills.rates.load_busy run slow-cpu` makes one.", code="no-run"
        )
    rows = [
        "| service | machine | runs | passed | not measured | failed | wrong is | wrong |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for case, seen in found.items():
        service, is_busy, wrong = CASES[case]
        if total := seen.total():
            counts = " | ".join(str(seen[one]) for one in ("pass", "unmeasured", "fail"))
            machine = f"{BURNERS_A_CORE} burners a core" if is_busy else "quiet"
            low, high = Proportion(seen[wrong], total).ends
            share = f"{seen[wrong] / total:.1%} [{low:.1%}, {high:.1%}]"
            rows.append(f"| {service} | {machine} | {total} | {counts} | {WRONG[wrong]} | {share} |")
    about = (
        f"Runs of {SHORT['seconds']:g} s at {SHORT['requests_per_second']:g} requests/s, on {os.cpu_count()} cores. "
        f"A slow service takes {SLOWER_MS:g} ms more for each request, by its own work or by waiting; "
        "`load.max_p50_ms` is 10. In brackets: Wilson's 95 % interval."
    )
    return "\n".join([about, "", *rows])


if __name__ == "__main__":
    os.environ["TARGET"] = "process"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.CRASH))  # so that services and burners are stopped as well
    try:
        sys.exit(main())
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(Exit.USAGE)
