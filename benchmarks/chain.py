"""The chain's time and memory on this machine, by table size: `make bench PART=chain` writes docs/benchmarks.md.

First a clean clone runs `make pipeline` with a warm package cache. Then data, train, evaluate and drift run on the
flights, thinned or repeated to 10⁴ … 3·10⁶ rows; drift reads as many requests as the table has rows.

    python -m benchmarks.chain [--rows 10000 100000 …] [--skip-clone]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.document import machine, write_section
from contracts.request_log import PredictionRecord
from contracts.stage import CHAIN, Build, StageName, StageRecord
from scoring.encoder import Encoder
from scoring.scorer import Scorer, load_scorer

ROOT = Path(__file__).parents[1]
SIZES = (10_000, 100_000, 327_346, 1_000_000, 3_000_000)
GROWING: dict[StageName, list[str]] = {
    "data": ["-m", "training", "data"],
    "train": ["-m", "training", "train"],
    "evaluate": ["-m", "training", "evaluate"],
    "drift": ["-m", "reports", "drift"],
}
DIFFERENT_REQUESTS = 20_000


@dataclass(frozen=True)
class Run:
    """Seconds and peak MB of each stage, as the stages recorded them."""

    rows: int
    records: dict[StageName, StageRecord]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench PART=chain", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--skip-clone", action="store_true", help="leave the run in a clean clone out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        clone = "" if arguments.skip_clone else clone_table(Path(folder) / "clone")
        growth = growth_table([grow(rows, Path(folder) / str(rows)) for rows in arguments.rows])
    write_section("chain", "\n\n".join(part for part in (machine(), clone, growth) if part))


def clone_table(folder: Path) -> str:
    """Seconds of `make pipeline` in a clean clone, including set-up, and of each stage."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    started = time.perf_counter()
    subprocess.run(["make", "pipeline"], cwd=folder, check=True)
    wall = time.perf_counter() - started
    records = read_records(Build(folder / "build"), CHAIN)
    rows = [f"| {name} | {one.seconds:.1f} | {one.peak_mb:,.0f} |" for name, one in records.items()]
    chain = sum(one.seconds for one in records.values())
    return "\n".join(
        [
            f"`make pipeline` in a clean clone, package cache warm: {wall:.0f} s, of which {chain:.0f} s the chain.",
            "",
            "| stage | seconds | peak MB |",
            "| --- | ---: | ---: |",
            *rows,
            f"| **chain** | **{chain:.1f}** | **{max(one.peak_mb for one in records.values()):,.0f}** |",
        ]
    )


def grow(rows: int, folder: Path) -> Run:
    """Run the stages that read the table on `rows` rows of it."""
    folder.mkdir(parents=True)
    config = folder / "pipeline.toml"
    config.write_text(configuration((ROOT / "pipeline.toml").read_text(encoding="utf-8")), encoding="utf-8")
    build = Build(folder / "build")
    for stage, command in GROWING.items():
        print(f"{rows:,} rows: {stage}", flush=True)
        if stage == "drift":
            write_requests(build, rows)
        subprocess.run(
            [sys.executable, *command, "--config", str(config), "--build", str(build.root)],
            cwd=ROOT,
            env=os.environ | {"BENCHMARK_ROWS": str(rows), "PYTHONPATH": str(ROOT)},
            check=True,
        )
    return Run(rows, read_records(build, tuple(GROWING)))


def configuration(text: str) -> str:
    """The repository's own configuration on the repeated flights, with limits that every run meets."""
    changes = {
        "source": '"benchmarks.repeated_flights:load"',
        "min_train_rows": "100",
        "min_holdout_rows": "100",
        "max_calibration_error": "0.5",
        "roc_auc": "0.5",
        "max_shared_rows": "1.0",
    }
    for key, value in changes.items():
        text, changed = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        if changed != 1:
            raise SystemExit(f"pipeline.toml has {changed} lines '{key} = …'; the benchmark changes exactly one.")
    return text


def write_requests(build: Build, rows: int) -> None:
    """A request log of `rows` records: the replay table through the model, repeated."""
    scorer = load_scorer(build.challenger)
    replay = pd.read_parquet(build.stage("data") / "replay.parquet")
    records = as_records(scorer, replay.iloc[:: -(-len(replay) // DIFFERENT_REQUESTS)])
    folder = build.stage("load-test") / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "predictions-0-0.jsonl").open("w", encoding="utf-8") as log:
        for number in range(rows):
            log.write(records[number % len(records)].replace('"id":"', f'"id":"{number}-', 1))


def as_records(scorer: Scorer, table: pd.DataFrame) -> list[str]:
    """One JSON line a row, as the service writes it."""
    encoder, card = Encoder(scorer.card.features), scorer.card
    scores = scorer.predict(encoder.columns({name: table[name].to_numpy() for name in encoder.names}))
    rows = table[list(encoder.names)].astype(object).where(table[list(encoder.names)].notna(), None)
    return [
        PredictionRecord(
            id="row",
            at_us=1_700_000_000_000_000,
            model=scorer.digest,
            features={str(name): value for name, value in values.items()},
            prediction=card.classes[int(row[1] >= (card.threshold or 0.5))],
            probabilities=tuple(float(one) for one in row),
        ).model_dump_json()
        + "\n"
        for values, row in zip(rows.to_dict("records"), scores, strict=True)
    ]


def growth_table(runs: Sequence[Run]) -> str:
    header = ["rows", *(f"{stage} s" for stage in GROWING), *(f"{stage} MB" for stage in GROWING)]
    lines = ["| " + " | ".join(header) + " |", "|" + " ---: |" * len(header)]
    for run in runs:
        seconds = [f"{run.records[stage].seconds:.1f}" for stage in GROWING]
        memory = [f"{run.records[stage].peak_mb:,.0f}" for stage in GROWING]
        lines.append("| " + " | ".join([f"{run.rows:,}", *seconds, *memory]) + " |")
    return "How the stages grow (flights thinned or repeated; drift reads as many requests):\n\n" + "\n".join(lines)


def read_records(build: Build, stages: Sequence[StageName]) -> dict[StageName, StageRecord]:
    return {stage: StageRecord(**json.loads((build.stage(stage) / "stage.json").read_text())) for stage in stages}


if __name__ == "__main__":
    main()
