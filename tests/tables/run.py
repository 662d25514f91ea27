"""Runs each public table of settings/ through the whole chain, twice with other seeds, and writes docs/tables.md.

    python -m tests.tables.run                      what results.json does not have yet, or has of other settings
    python -m tests.tables.run --only iris --again  one table, once more

Each run has a pipeline.toml of its own, the table's settings with the run's seed and a light load, and its own build
folder under build/tables/. A run is recorded as soon as it has ended, so the command can be stopped and called again.

Reads   tests/tables/settings/*.toml, tests/tables/results.json
Writes  tests/tables/results.json, docs/tables.md
Exits   0 where every table does as it should; 3 with a sentence for each that does not (`rules.py`)
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from contracts.decision import Decision
from contracts.exits import Exit
from contracts.model_folder import read_card
from contracts.schema import read_json, write_json
from contracts.stage import CHAIN, Build, StageRecord
from contracts.verdict import DriftVerdict
from tests.tables.page import write_page
from tests.tables.plain_script import plain_metric
from tests.tables.results import RESULTS, SEEDS, SETTINGS, Result, Results, read_results
from tests.tables.rules import faults, waiting

# A table's settings say nothing of load: it is light, and its limits are wide, because the machine may be busy.
LIGHT_LOAD = """
[load]
requests_per_second = 250
connections = 4
seconds = 4.0
warmup_seconds = 0.5
max_p50_ms = 1000.0
max_p95_ms = 2000.0
max_p99_ms = 4000.0
max_stall_ms = 10000.0
min_rate_share = 0.3
"""
ROOT = Path(__file__).parents[2]
RUNS = ROOT / "build" / "tables"


def run(settings: Path, seed: int) -> Result:
    """One run of the chain, by make, from data to report."""
    name = settings.stem
    folder = RUNS / f"{name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = settings.read_text(encoding="utf-8")
    config, build = folder / "pipeline.toml", Build(folder / "build")
    config.write_text(text.replace("\nseed = 1\n", f"\nseed = {seed}\n") + LIGHT_LOAD, encoding="utf-8")
    began = time.monotonic()
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        subprocess.run(
            ["make", "pipeline", "TARGET=process", f"CONFIG={config}", f"BUILD={build.root}", f"VENV={sys.prefix}"],
            cwd=ROOT, env=os.environ, stdout=log, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    return _result(name, seed, text, build, time.monotonic() - began)


def _result(name: str, seed: int, text: str, build: Build, seconds: float) -> Result:
    settings = tomllib.loads(text)
    metric = settings["gate"]["metric"]
    folders = {stage: build.stage(stage) / "stage.json" for stage in CHAIN}
    records = {stage: read_json(path, StageRecord, stage) for stage, path in folders.items() if path.exists()}
    found = Result(
        table=name,
        seed=seed,
        settings=digest_of(text),
        task=settings["data"]["task"],
        metric=metric,
        split="time" if settings["data"].get("time") else "groups" if settings["data"].get("group") else "random",
        seconds=round(seconds, 1),
        exit_codes={stage: record.exit_code for stage, record in records.items()},
        headlines={stage: record.headline for stage, record in records.items() if record.exit_code},
    )
    if (path := build.stage("evaluate") / "decision.json").exists():
        decision = read_json(path, Decision, "evaluate")
        judged = next(one for one in decision.comparisons if one.metric == metric)
        data = json.loads((build.stage("data") / "data.json").read_text(encoding="utf-8"))
        found = found.model_copy(
            update={
                "rows": sum(table["rows"] for table in data["tables"].values()),
                "columns": len(data["features"]),
                "model": read_card(build.challenger).estimator,
                "value": judged.challenger.value,
                "low": judged.challenger.low,
                "high": judged.challenger.high,
                "baseline": judged.baseline,
                "plain": plain_metric(build.stage("data"), metric),
                "decision": decision.decision,
                "reason_codes": decision.reason_codes,
                "reasons": decision.reasons,
            }
        )
    if (path := build.stage("drift") / "verdict.json").exists():
        verdict = read_json(path, DriftVerdict, "drift")
        found = found.model_copy(
            update={
                "drift": verdict.state,
                "window": verdict.effective_rows,
                "drifted": tuple(one.column for one in verdict.columns if one.drifted),
            }
        )
    return found


def digest_of(text: str) -> str:
    """Of a file of settings, so that a result of other settings is not taken for one of these."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def missing(only: list[str], *, again: bool) -> list[tuple[Path, int]]:
    """Which runs are still to be done."""
    known = {(one.table, one.seed): one.settings for one in read_results().runs}
    wanted = [path for path in sorted(SETTINGS.glob("*.toml")) if not only or path.stem in only]
    return [
        (path, seed)
        for path in wanted
        for seed in SEEDS
        if again or known.get((path.stem, seed)) != digest_of(path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.tables.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="*", default=[], help="names of tables, as in settings/")
    parser.add_argument("--again", action="store_true", help="also what is recorded already")
    asked = parser.parse_args()
    for settings, seed in missing(asked.only, again=asked.again):
        result = run(settings, seed)
        others = [one for one in read_results().runs if (one.table, one.seed) != (result.table, seed)]
        runs = sorted([*others, result], key=lambda one: (one.table, one.seed))
        write_json(RESULTS, Results(runs=tuple(runs)))
        print(f"{result.table}, seed {seed}: {result.in_short}", flush=True)
    write_page()
    found = faults(read_results())
    found += [f"{name}: not run with every seed yet." for name in waiting(read_results())]
    print("\n".join(found) or "Every table does as it should.")
    return Exit.FINDING if found else Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
