"""Speed and size of each booster beside scikit-learn's: `make bench PART=boosters` writes docs/benchmarks.md.

Each library is the only candidate once, on the configured table, and is trained by the real commands with the
libraries installed beside .venv. Then four services run without them, one for each model, and are loaded in turns.
Ratios are to scikit-learn's hist_gradient_boosting. Needs Linux.

    python -m benchmarks.boosters [--rounds 5] [--seconds 2] [--config pipeline.toml]
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.document import machine, write_section
from benchmarks.serving.__main__ import add_round
from benchmarks.serving.requests import json_batches, replayed_rows, single
from benchmarks.serving.results import JSON_BATCH, OURS, SINGLE, Cells, Scenario
from benchmarks.serving.servers import Kind, cores, kinds, started
from contracts.model_folder import ModelCard, read_card
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build, StageName, StageRecord

ROOT = Path(__file__).parents[1]
USUAL = "hist_gradient_boosting"
BOOSTERS = ("lightgbm", "xgboost", "catboost")
VENV = ".venv-boosters"
ONE, MANY = SINGLE[0], SINGLE[1]


@dataclass(frozen=True)
class Model:
    """A trained model: the seconds and peak memory of its train stage, and the bytes of model.onnx."""

    name: str
    build: Build
    card: ModelCard
    seconds: float
    peak_mb: float
    bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench PART=boosters", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"))
    asked = parser.parse_args()
    metric = load_config(asked.config).training.metric
    # Make reads pipeline.toml for itself: this asks for all three libraries.
    subprocess.run(["make", "setup", f"VENV={VENV}", f"GROUPS=dev {' '.join(BOOSTERS)}"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        models = [trained(one, asked.config, Path(name)) for one in (USUAL, *BOOSTERS)]
        cells = served(models, Path(name), asked.rounds, asked.seconds)
    text = f"{machine()} Services in turns, {asked.rounds} rounds of {asked.seconds:g} s.\n\n"
    text += table(models, cells, metric)
    print(text)
    write_section("boosters", text)


def trained(name: str, config: Path, folder: Path) -> Model:
    """The winner of a search with one candidate. Raises SystemExit if pipeline.toml has no line of candidates."""
    text, changed = re.subn(
        r"^candidates = .*$", f'candidates = ["{name}"]', config.read_text(encoding="utf-8"), flags=re.M
    )
    if changed != 1:
        raise SystemExit(f"{config} has {changed} lines 'candidates = …'; required: one.")
    own, build = folder / f"{name}.toml", Build(folder / name)
    own.write_text(text, encoding="utf-8")
    stages: tuple[StageName, ...] = ("data", "train")
    for stage in stages:
        command = [f"{VENV}/bin/python", "-m", "training", stage, "--config", str(own), "--build", str(build.root)]
        subprocess.run(command, cwd=ROOT, check=True)
    record = read_json(build.stage("train") / "stage.json", StageRecord, "make train")
    size = (build.challenger / "model.onnx").stat().st_size
    return Model(name, build, read_card(build.challenger), record.seconds, record.peak_mb, size)


def served(models: Sequence[Model], folder: Path, rounds: int, seconds: float) -> Cells:
    """The measurements of each model's service, by the model's name."""
    server_core, client_core = cores()
    os.sched_setaffinity(0, {client_core})
    cells: Cells = {}
    with contextlib.ExitStack() as running:
        servers = [
            running.enter_context(started(service_of(one, folder), server_core, folder / f"{one.name}.log"))
            for one in models
        ]
        rows = replayed_rows(models[0].build, models[0].card)
        requests = {ONE: single(rows), MANY: single(rows), JSON_BATCH: json_batches(rows)}
        for _ in range(rounds):
            for model, server in zip(models, servers, strict=True):
                measured: Cells = {}
                add_round(measured, [server], requests, seconds)
                for (_, scenario), seen in measured.items():
                    cells.setdefault((model.name, scenario), []).extend(seen)
    return cells


def service_of(model: Model, folder: Path) -> Kind:
    """This service with the model."""
    ours = next(one for one in kinds(model.build.challenger.resolve(), folder, folder / f"{model.name}-requests"))
    return replace(ours, name=OURS)


def table(models: Sequence[Model], cells: Cells, metric: str) -> str:
    """One row for each model; ratios to scikit-learn's are medians of the rounds' ratios."""
    lines = [
        f"| candidate | train s | peak MB | {metric} out of fold | model.onnx kB | p50 ms, 1 connection"
        " | requests/s at 16 connections | JSON rows/s | requests/s, of scikit-learn's | rows/s, of scikit-learn's |",
        "| --- " + "| ---: " * 9 + "|",
    ]
    for one in models:
        p50 = statistics.median(cell.p50_ms for cell in cells[one.name, ONE])
        speeds = [
            statistics.median(cell.rows_per_second for cell in cells[one.name, way]) for way in (MANY, JSON_BATCH)
        ]
        ratios = [_ratio(cells, one.name, way) for way in (MANY, JSON_BATCH)]
        lines.append(
            f"| {one.name} | {one.seconds:.1f} | {one.peak_mb:,.0f} | {one.card.metrics[metric].value:.4f} |"
            f" {one.bytes / 1000:,.0f} | {p50:.3f} | {speeds[0]:,.0f} | {speeds[1]:,.0f} |"
            f" {ratios[0]:.2f} | {ratios[1]:.2f} |"
        )
    return "\n".join(lines)


def _ratio(cells: Cells, name: str, way: Scenario) -> float:
    pairs = zip(cells[name, way], cells[USUAL, way], strict=True)
    return statistics.median(own.rows_per_second / usual.rows_per_second for own, usual in pairs)


if __name__ == "__main__":
    main()
