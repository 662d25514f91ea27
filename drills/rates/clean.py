"""How often the gate's checks refuse a clean challenger: small tables through data, train and evaluate.

    python -m drills.rates.clean

Each table is drawn at random: rows of some hundred days that differ, or rows without time; two classes, three, or a
value; informative columns and as many uninformative ones, a category, missing values, and customers who return, with
a column of their own. In every second table with six columns or more, a third of the numbers are rounded; with fewer
columns, rounded rows would repeat each other by chance. If rows have time, the champion was trained four weeks
earlier. Nothing is wrong with any table, so every refusal is a false one.

Speed is not counted, because it depends on the machine, nor the baseline, which a poor table may miss.

Reads   nothing
Writes  drills/rates/clean.json; docs/drills.md between its marks
"""

import contextlib
import datetime as dt
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.decision import Decision
from contracts.exits import Exit
from contracts.outside.handbook import write_between
from contracts.schema import Schema, Task, read_json, write_json
from contracts.stage import Build, StageName, StageRecord, execute
from drills.rates.proportion import Proportion
from training import data, evaluate, train

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_name("clean.json")
DOCUMENT = ROOT / "docs" / "drills.md"
BEGIN, END = "<!-- clean rates: begin -->", "<!-- clean rates: end -->"
SEEDS = 240
START = dt.date(2024, 1, 1)
WINDOW_DAYS, REPLAY_DAYS = 28, 14
TASKS: tuple[Task, ...] = ("binary", "binary", "multiclass", "regression")
METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
MARGIN = {"roc_auc": 0.01, "log_loss": 0.02, "rmse": 0.1}
LEFT_OUT = {"time of one row", "model size", "baseline"}
WORK = {"data": data.work, "train": train.work, "evaluate": evaluate.work}
Numbers = npt.NDArray[np.float64]


class CheckRefusals(Schema):
    """How many clean challengers one check refused."""

    check: str
    asked: int
    refused: int


class Refusals(Schema):
    """How many of the clean challengers each check refused, and how many were refused by any check."""

    challengers: int
    checks: tuple[CheckRefusals, ...]
    by_any: int


def main() -> None:
    """Measure, and write record and table."""
    seen = measure(range(SEEDS))
    write_json(RECORD, seen)
    write_between(DOCUMENT, BEGIN, END, table(seen))
    print(table(seen))


def measure(seeds: range) -> Refusals:
    """The refusals of one clean challenger for each seed."""
    asked: dict[str, int] = {}
    refused: dict[str, int] = {}
    by_any = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for passed in pool.map(checks_of, seeds):
            for name, is_fine in passed.items():
                asked[name] = asked.get(name, 0) + 1
                refused[name] = refused.get(name, 0) + (not is_fine)
            by_any += not all(passed.values())
    return Refusals(
        challengers=len(seeds),
        checks=tuple(CheckRefusals(check=name, asked=asked[name], refused=refused[name]) for name in sorted(asked)),
        by_any=by_any,
    )


def table(seen: Refusals) -> str:
    """The refusals as a Markdown table."""
    lines = ["| check | clean challengers refused |", "| --- | --- |"]
    lines += [f"| {one.check} | {Proportion(one.refused, one.asked)} |" for one in seen.checks]
    return "\n".join([*lines, f"| any of them | {Proportion(seen.by_any, seen.challengers)} |"])


def checks_of(seed: int) -> dict[str, bool]:
    """Whether the challenger of this seed passed each stage and each check, by name."""
    with tempfile.TemporaryDirectory(prefix="clean-") as folder, contextlib.redirect_stdout(io.StringIO()):
        return dict(_passed(seed, Path(folder)))


def _passed(seed: int, folder: Path) -> Iterator[tuple[str, bool]]:
    task, drawn = TASKS[seed % 4], draw(seed)
    drawn.to_parquet(folder / "table.parquet")
    build = Build(folder / "build")
    as_of = drawn["at"].max().date() - dt.timedelta(days=REPLAY_DAYS - 1) if "at" in drawn else None
    if as_of is not None:
        earlier = as_of - dt.timedelta(days=WINDOW_DAYS)
        if _run("data", _config(folder, task, seed, earlier), build) is Exit.PASS:
            _run("train", folder / "pipeline.toml", build)
            shutil.copytree(build.challenger, build.champion)
    config = _config(folder, task, seed, as_of)
    stages: tuple[StageName, ...] = ("data", "train")
    for stage in stages:
        ended = _run(stage, config, build)
        yield f"`make {stage}`", ended is Exit.PASS
        if ended is not Exit.PASS:
            return
    _run("evaluate", config, build)
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    yield from ((one.name, one.passed) for one in decision.checks if one.name not in LEFT_OUT)


def _run(stage: StageName, config: Path, build: Build) -> Exit:
    """The stage's exit code. A crash or a wrong pipeline.toml is an error of this file, not a refusal."""
    ended = execute(stage, config, build, WORK[stage])
    if ended not in (Exit.PASS, Exit.FINDING):
        raise AssertionError(read_json(build.stage(stage) / "stage.json", StageRecord, f"make {stage}").headline)
    return ended


def draw(seed: int) -> pd.DataFrame:
    """A table, in order of time if it has one. Each day shifts features and target."""
    random = np.random.default_rng(seed)
    days = int(random.integers(120, 200)) if seed % 3 else 0
    rows = days * int(random.integers(12, 40)) if days else int(random.integers(800, 4000))
    told = int(random.integers(1, 9))
    customer = random.integers(0, rows // 4, rows)
    x = random.normal(size=(rows, 2 * told))
    x[:, -1] = random.normal(size=rows // 4)[customer]
    day = np.sort(random.integers(0, days, rows)) if days else None
    shift = np.zeros(rows) if day is None else random.normal(scale=0.3, size=days)[day]
    x[:, 0] += shift
    shop = random.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    strength = x[:, :told] @ random.normal(scale=1.5 / np.sqrt(told), size=told) + shift + 0.5 * (shop == 1)
    is_rounded = bool(seed % 2) and told >= 3
    columns = {f"x{at}": _messy(x[:, at], at, random, is_rounded=is_rounded) for at in range(2 * told)}
    drawn = pd.DataFrame(columns)
    drawn["shop"] = np.array(["north", "east", "west", "south"])[shop]
    drawn["customer"] = [f"customer {number}" for number in customer]
    drawn["answer"] = _answers(TASKS[seed % 4], strength, random)
    if day is not None:
        drawn["at"] = pd.Timestamp(START) + pd.to_timedelta(day, unit="D")
    return drawn


def _messy(column: Numbers, at: int, random: np.random.Generator, *, is_rounded: bool) -> Numbers:
    rounded = np.round(column, 1) if is_rounded and at % 3 == 0 else column
    return np.where(random.random(len(column)) < 0.05, np.nan, rounded) if at % 4 == 3 else rounded


def _answers(task: Task, strength: Numbers, random: np.random.Generator) -> npt.NDArray[Any]:
    if task == "regression":
        return strength + random.normal(size=len(strength))
    if task == "binary":
        return np.where(random.random(len(strength)) < 1 / (1 + np.exp(-strength)), "yes", "no")
    noisy = strength + random.normal(size=len(strength))
    return np.array(["a", "b", "c"])[np.searchsorted(np.quantile(noisy, [0.4, 0.75]), noisy)]


def _config(folder: Path, task: Task, seed: int, as_of: dt.date | None) -> Path:
    """Write pipeline.toml: the candidates are a linear model and, for every third table, trees."""
    linear = "ridge" if task == "regression" else "logistic"
    candidates = [linear, "hist_gradient_boosting"] if seed % 3 == 1 else [linear]
    metric = METRIC[task]
    lines = [
        '[project]', 'name = "drawn"', "[data]", f'source = "{folder / "table.parquet"}"', 'target = "answer"',
        f'task = "{task}"', f"holdout_days = {WINDOW_DAYS}", f"replay_days = {REPLAY_DAYS}", "min_train_rows = 300",
        "min_holdout_rows = 150", *(['positive = "yes"'] if task == "binary" else []),
        *([] if as_of is None else ['time = "at"', f"as_of = {as_of}"]),
        "[training]", f"candidates = {candidates}", f'metric = "{metric}"', "trials = 2", "folds = 3",
        "[gate]", f'metric = "{metric}"', f"margin = {MARGIN[metric]}",
    ]  # fmt: skip
    path = folder / "pipeline.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
