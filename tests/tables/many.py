"""Puts every CSV file of a folder through data, train and evaluate, each with a target at random: does any stage crash?

    python -m tests.tables.many FOLDER [--seed 1] [--minutes 60]

A crash is a fault of ours; a refusal may be right, for a target at random is often told by another column, or not at
all. Each table gets a class or a number to predict, the models and the small limits of docs/own-table.md, and no
champion. Every stage runs in a child of this process, which has its imports: about a second each.

Reads   FOLDER/*.csv
Writes  build/many/SEED/: results.jsonl, a line for each table, and the folder of each
Exits   0 no stage crashed · 3 some did: their names, and where to read what they said · 2 no CSV file
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import training.data
import training.evaluate
import training.train
from contracts.exits import Exit
from contracts.schema import Task, read_json
from contracts.stage import Build, StageName, StageRecord
from tests.training.toy_tables import METRICS

ROOT = Path(__file__).parents[2]
STAGES: dict[StageName, Callable[[], None]] = {
    "data": training.data.main, "train": training.train.main, "evaluate": training.evaluate.main,
}  # fmt: skip
MOST_CLASSES, LEAST_OF_A_CLASS, LEAST_NUMBERS = 6, 20, 20
SECONDS_A_STAGE = 300


def targets(table: pd.DataFrame) -> list[tuple[str, Task]]:
    """Columns to predict: of a few classes, each with some rows, or of many numbers."""
    found: list[tuple[str, Task]] = []
    for name in table.columns[1:]:
        values = table[name].dropna()
        counts = values.value_counts()
        if 2 <= len(counts) <= MOST_CLASSES and counts.min() >= LEAST_OF_A_CLASS:
            found.append((str(name), "binary" if len(counts) == 2 else "multiclass"))
        elif len(counts) > LEAST_NUMBERS and values.dtype.kind in "if":
            found.append((str(name), "regression"))
    return found


def settings(source: Path, table: pd.DataFrame, target: str, task: Task) -> str:
    """A pipeline.toml. The rarer class of two is the positive one, as the file writes it."""
    positive = ""
    if task == "binary":
        texts = pd.read_csv(source, usecols=[target], dtype=str, keep_default_na=False)[target]
        is_known = table[target].notna().to_numpy()
        positive = f"positive = {json.dumps(texts[is_known].value_counts().index[-1])}\n"
    linear = "ridge" if task == "regression" else "logistic"
    metric = METRICS[task]
    return (
        f'[project]\nname = "table"\n[data]\nsource = {json.dumps(str(source))}\ntarget = {json.dumps(target)}\n'
        f'task = "{task}"\n{positive}min_train_rows = 50\nmin_holdout_rows = 30\n'
        f'[training]\ncandidates = ["{linear}", "hist_gradient_boosting"]\nmetric = "{metric}"\ntrials = 2\n'
        f'[gate]\nmetric = "{metric}"\nmargin = 0.1\n[drift]\nmin_rows = 100\n'
    )


def run(stage: StageName, folder: Path) -> int:
    """The stage's exit code, from a child that writes to folder/stage.log; negative where a signal ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = int(Exit.CRASH)
    try:
        signal.alarm(SECONDS_A_STAGE)
        log = os.open(folder / f"{stage}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["make", "--config", str(folder / "pipeline.toml"), "--build", str(folder / "build")]
        STAGES[stage]()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def through(source: Path, folder: Path, luck: random.Random) -> dict[str, object] | None:
    """How far the table came, and the code of the refusal; None where it has no column to predict."""
    table = pd.read_csv(source, low_memory=False)
    found = targets(table)
    if not found:
        return None
    target, task = luck.choice(found)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.toml").write_text(settings(source, table, target, task), encoding="utf-8")
    seen: dict[str, object] = {"table": source.stem, "rows": len(table), "target": target, "task": task}
    for stage in STAGES:
        exit_code = run(stage, folder)
        if exit_code:
            record = Build(folder / "build").stage(stage) / "stage.json"
            is_told = exit_code > 0 and record.exists()
            code = read_json(record, StageRecord, f"make {stage}").code if is_told else ""
            return {**seen, "ended": stage, "exit_code": exit_code, "code": code}
    return {**seen, "ended": "", "exit_code": 0, "code": ""}


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.tables.many", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    sources = sorted(given.folder.resolve().glob("*.csv"))
    if not sources:
        print(f"{given.folder} has no *.csv. Write the tables there.", file=sys.stderr)
        return Exit.USAGE
    luck, end = random.Random(given.seed), time.monotonic() + 60 * given.minutes
    luck.shuffle(sources)
    os.environ["CHAMPION"] = "none"
    runs = ROOT / "build" / "many" / str(given.seed)
    runs.mkdir(parents=True, exist_ok=True)
    ends, crashed = Counter[str](), list[str]()
    with (runs / "results.jsonl").open("w", encoding="utf-8") as results:
        for source in sources:
            if time.monotonic() > end:
                break
            seen = through(source, runs / source.stem, luck)
            if seen is None:
                continue
            print(json.dumps(seen), file=results, flush=True)
            ends[f"{seen['ended']}: {seen['code']}" if seen["ended"] else "promoted"] += 1
            if seen["exit_code"] not in (Exit.PASS, Exit.FINDING, Exit.USAGE):
                crashed.append(f"{source.stem}: {runs / source.stem / str(seen['ended'])}.log")
    print("\n".join(f"{count:5}  {name}" for name, count in ends.most_common()))
    print(f"{ends.total()} tables, {len(crashed)} crashed")
    if crashed:
        print("\n".join(crashed))
    return Exit.FINDING if crashed else Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
