"""Error rates of the paired load test: how often equal services fail it, and how often a 20 % slower one does.

    python -m drills.rates.load record --minutes 4.5   two equal services and a slower one, in interleaved blocks
    python -m drills.rates.load run --times 5          whole load tests by the stage's own code: equal, and slower
    python -m drills.rates.load write                  the table in docs/load.md, from all that was recorded

All services really run on this machine, with the challenger under build/. The slower service has a planted fault:
before each request it burns a fifth of the CPU time that its process has used since it began to answer.

A recorded session is one Locust run with three services, in blocks of the length and rate of pipeline.toml, in the
order A A' B B A' A: each block has a neighbour of each other kind. Runs are then resampled from the sessions:
`load.blocks` pairs of neighbouring blocks, judged by the stage's own code. There are two kinds: pairs drawn at random
with replacement (taken as independent), and consecutive pairs, from each possible first one on (they keep what was slow
on the machine, and overlap). The whole runs need no resampling: they are the stage.

Reads   build/data, build/train/model, pipeline.toml
Writes  build/rates/load/*.json: session-*.json and run-*.json; docs/load.md between its marks, drills/rates/load.json
"""

import argparse
import contextlib
import datetime as dt
import functools
import json
import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from starlette.types import Receive, Scope, Send

from contracts.exits import Exit, UsageError
from contracts.outside.handbook import tables, write_between
from contracts.pipeline_toml.keys import Config, Load
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context
from contracts.verdict import LoadVerdict
from drills.rates.proportion import Proportion
from scoring.scorer import load_scorer
from service import serve
from service.__main__ import main as serve_one_model
from service.http.application import Application

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "load-tests"))

from paired import FIGURES, BlockFigures, block_figures, ratios  # noqa: E402 — scripts, not a package: found by path
from plan import GAP_SECONDS, Block, Plan, Variant  # noqa: E402
from run import load_test, run_locust  # noqa: E402
from service_process import SERVICE, served  # noqa: E402
from traffic import replayed  # noqa: E402

DOCUMENT = ROOT / "docs" / "load.md"
BEGIN, END = "<!-- rates: written by `python -m drills.rates.load write` -->", "<!-- end of rates -->"
RATES = ROOT / "drills" / "rates" / "load.json"
SLOWER_BY = 0.20
EQUAL, ALSO_EQUAL, SLOWER = 0, 1, 2
ORDER = (EQUAL, ALSO_EQUAL, SLOWER, SLOWER, ALSO_EQUAL, EQUAL)
DRAWN_RUNS = 1000
SEED = 7

Draw = Callable[[int, int], Iterator[Sequence[int]]]


@dataclass(frozen=True)
class Session:
    """One recording: the blocks of each of the three services, in the order of time."""

    equal: tuple[BlockFigures, ...]
    also_equal: tuple[BlockFigures, ...]
    slower: tuple[BlockFigures, ...]


@dataclass(frozen=True)
class Findings:
    """How many runs there were, and how many found the challenger slower: by any figure, and by each."""

    runs: int
    slower: int
    by: Mapping[str, int]


def main() -> Exit:
    """Run the command and return its exit code."""
    asked = _parser().parse_args()
    if asked.command == "serve":
        return serve_slowed(asked.slower_by)
    build, config = Build(asked.build), load_config(asked.config)
    folder = build.root / "rates" / "load"
    folder.mkdir(parents=True, exist_ok=True)
    now = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    if asked.command == "record":
        session = record(build, config, asked.minutes * 60)
        (folder / f"session-{now}.json").write_text(json.dumps(asdict(session)), encoding="utf-8")
    elif asked.command == "run":
        whole_runs(build, config, asked.times, folder, now)
    else:
        write(section(folder, config))
    return Exit.PASS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m drills.rates.load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=ROOT / "pipeline.toml")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("--minutes", type=float, default=4.5)
    commands.add_parser("run").add_argument("--times", type=int, default=1)
    commands.add_parser("write")
    commands.add_parser("serve").add_argument("--slower-by", type=float, required=True)
    return parser


def write(text: str) -> None:
    """Write the table into docs/load.md, and as JSON for the site."""
    write_between(DOCUMENT, BEGIN, END, text)
    RATES.write_text(json.dumps(tables(text), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} written")


def serve_slowed(slower_by: float) -> Exit:
    """Serve, and burn this share of the process's own CPU time before each request."""
    burnt_s = 0.0

    class SlowedApplication(Application):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal burnt_s
            began = time.process_time()
            while burnt_s + (now := time.process_time()) - began < slower_by * (began - started - burnt_s):
                pass
            burnt_s += now - began
            await super().__call__(scope, receive, send)

    vars(serve)["Application"] = SlowedApplication  # the planted fault
    started = time.process_time()
    sys.argv = sys.argv[:1]
    return serve_one_model()


def slowed(slower_by: float) -> tuple[str, ...]:
    """The command of a service that is slower by this share."""
    return (sys.executable, "-m", "drills.rates.load", "serve", "--slower-by", str(slower_by))


def record(build: Build, config: Config, seconds: float) -> Session:
    """Record one session."""
    in_block = round(config.load.requests_per_second * config.load.seconds / config.load.blocks)
    block_seconds = in_block / config.load.requests_per_second
    rounds = math.floor(seconds / (len(ORDER) * (block_seconds + GAP_SECONDS)))
    blocks = tuple(
        Block(variant=variant, begin_s=number * (block_seconds + GAP_SECONDS), requests=in_block)
        for number, variant in enumerate(ORDER * rounds)
    )
    plan = _plan(build, config, 3, blocks)
    seen = _loaded(build, plan, [slowed(0.0), slowed(0.0), slowed(SLOWER_BY)])
    return Session(*(tuple(one) for one in seen))


def whole_runs(build: Build, config: Config, times: int, folder: Path, now: str) -> None:
    """Run the stage itself with one model as challenger and champion: as it is, and with a slower challenger."""
    for number in range(times):
        for kind, command in (("equal", SERVICE), ("slower", slowed(SLOWER_BY))):
            with _same_champion(build) as own:
                own.stage("load-test").mkdir()
                outcome = load_test(Context(config, own, own.stage("load-test")), command)
                verdict = read_json(own.stage("load-test") / "verdict.json", LoadVerdict, "make load-test")
            write_json(folder / f"run-{kind}-{now}-{number}.json", verdict)
            print(f"{kind}: {outcome.verdict}. {outcome.headline}", flush=True)


def section(folder: Path, config: Config, drawn_runs: int = DRAWN_RUNS) -> str:
    """The table, with `drawn_runs` random runs from each session. Raises UsageError if nothing was recorded."""
    sessions = [_read_session(path) for path in sorted(folder.glob("session-*.json"))]
    if not sessions:
        raise UsageError(f"{folder} has no session. Run `python -m drills.rates.load record` first.", code="no-session")
    rows = [
        "| runs | challenger | number | found slower | by p50 | by p95 | by CPU |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for how, draw in (("drawn at random", functools.partial(drawn, drawn_runs)), ("consecutive", consecutive)):
        for kind in ("equal", "slower"):
            rows.append(_row(how, kind, _findings(_resampled(sessions, kind, draw, config.load))))
    for kind in ("equal", "slower"):
        verdicts = [read_json(path, LoadVerdict, "run") for path in sorted(folder.glob(f"run-{kind}-*.json"))]
        rows.append(_row("whole, by the stage", kind, _findings([_slower_figures(one) for one in verdicts])))
    return "\n".join([_about(sessions, config.load), "", *rows])


def _about(sessions: Sequence[Session], load: Load) -> str:
    """What was recorded, and what a run is."""
    blocks, run_seconds = sum(len(one.equal) for one in sessions), 2 * load.seconds + load.warmup_seconds
    return (
        f"{len(sessions)} recorded sessions, {blocks} blocks of {load.seconds / load.blocks:g} s of each service at "
        f"{load.requests_per_second:g} requests/s, p50 {_middle(sessions, 'p50'):.2f} ms. "
        f"The slower service cost {_slower_by(sessions):.0%} more CPU time a request. "
        f"A run is {load.blocks} pairs of blocks, {run_seconds:g} s of load; "
        f"it finds the challenger slower if a lower bound is above `load.max_ratio` = {load.max_ratio:g}. "
        "In brackets: Wilson's 95 % interval."
    )


def _middle(sessions: Sequence[Session], figure: str) -> float:
    """The median of one figure over all blocks of the first service."""
    return float(np.median([getattr(block, figure) for one in sessions for block in one.equal]))


def _slower_by(sessions: Sequence[Session]) -> float:
    slower = np.median([block.cpu for one in sessions for block in one.slower])
    return float(slower / _middle(sessions, "cpu") - 1)


def drawn(runs: int, pairs: int, blocks: int) -> Iterator[Sequence[int]]:
    """Runs of `blocks` pairs, each drawn at random from all."""
    generator = np.random.default_rng(SEED)
    for _ in range(runs):
        yield generator.integers(pairs, size=blocks).tolist()


def consecutive(pairs: int, blocks: int) -> Iterator[Sequence[int]]:
    """Runs of `blocks` consecutive pairs, from each possible first one on."""
    for first in range(pairs - blocks + 1):
        yield range(first, first + blocks)


def _plan(build: Build, config: Config, variants: int, blocks: tuple[Block, ...]) -> Plan:
    scorer, load = load_scorer(build.challenger), config.load
    wanted = round(load.requests_per_second * (load.warmup_seconds + load.seconds))
    sent = replayed(build.stage("data") / "replay.parquet", scorer, wanted, config.data.seed)
    return Plan(
        requests_per_second=load.requests_per_second,
        connections=load.connections,
        warmup_seconds=load.warmup_seconds,
        variants=(Variant(model=scorer.digest, requests=sent.requests),) * variants,
        blocks=blocks,
    )


def _loaded(build: Build, plan: Plan, commands: Sequence[Sequence[str]]) -> list[list[BlockFigures]]:
    """The blocks of each service. Raises RuntimeError if requests failed, because the figures would mean nothing."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as running_services:
        folder = Path(scratch)
        write_json(folder / "plan.json", plan)
        services = [
            running_services.enter_context(
                served(build.challenger, folder / f"requests-{variant}", folder / f"service-{variant}.log", command)
            )
            for variant, command in enumerate(commands)
        ]
        measured = run_locust(services, plan, folder)
    faults = {sample.fault for sample in measured.samples if sample.fault}
    if faults:
        raise RuntimeError(f"Requests failed: {', '.join(sorted(faults))}.")
    return [block_figures(plan, measured, variant) for variant in range(len(commands))]


@contextlib.contextmanager
def _same_champion(build: Build) -> Iterator[Build]:
    """A build folder in which the challenger is the champion, too."""
    with tempfile.TemporaryDirectory() as scratch:
        own = Build(Path(scratch))
        for name in ("data", "train"):
            (own.root / name).symlink_to((build.root / name).resolve())
        own.champion.symlink_to(build.challenger.resolve())
        yield own


def _read_session(path: Path) -> Session:
    content = json.loads(path.read_text(encoding="utf-8"))
    variants = (tuple(BlockFigures(**one) for one in content[name]) for name in ("equal", "also_equal", "slower"))
    return Session(*variants)


def _resampled(sessions: Sequence[Session], kind: str, draw: Draw, load: Load) -> Iterator[set[str]]:
    """Of each run the figures by which the challenger is slower."""
    for one in sessions:
        challenger = one.also_equal if kind == "equal" else one.slower
        champion = one.equal if kind == "equal" else one.also_equal
        for places in draw(len(challenger), load.blocks):
            judged = ratios(
                [challenger[place] for place in places], [champion[place] for place in places], load.max_ratio
            )
            yield {ratio.figure for ratio in judged if not ratio.passed}


def _slower_figures(verdict: LoadVerdict) -> set[str]:
    return {code.removeprefix("slower_") for code in verdict.reason_codes if code.startswith("slower_")}


def _findings(runs: "Iterator[set[str]] | Sequence[set[str]]") -> Findings:
    seen = list(runs)
    return Findings(
        len(seen), sum(bool(one) for one in seen), {name: sum(name in one for one in seen) for name in FIGURES}
    )


def _row(how: str, kind: str, findings: Findings) -> str:
    if not findings.runs:
        return f"| {how} | {kind} | 0 | | | | |"
    low, high = Proportion(findings.slower, findings.runs).ends
    slower = f"{findings.slower / findings.runs:.1%} [{low:.1%}, {high:.1%}]"
    shares = " | ".join(f"{findings.by[name] / findings.runs:.1%}" for name in FIGURES)
    return f"| {how} | {kind} | {findings.runs:,} | {slower} | {shares} |"


if __name__ == "__main__":
    os.environ["TARGET"] = "process"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.CRASH))  # so that the services are stopped as well
    try:
        sys.exit(main())
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(Exit.USAGE)
