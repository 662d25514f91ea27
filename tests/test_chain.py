"""The whole chain by its real commands, on three tables that scikit-learn ships, with a pipeline.toml each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from contracts.model_folder import model_digest
from contracts.stage import CHAIN, Build

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "data": ["-m", "training.data"],
    "train": ["-m", "training.train"],
    "evaluate": ["-m", "training.evaluate"],
    "build": ["-m", "deploy.image"],
    "load-test": ["load-tests/run.py"],
    "drift": ["-m", "reports.drift"],
    "report": ["-m", "reports.report"],
    "deploy": ["-m", "deploy.champion"],
}
TABLES: dict[str, tuple[Any, str, str, str]] = {
    "breast-cancer": (load_breast_cancer, "binary", "logistic", "roc_auc"),
    "wine": (load_wine, "multiclass", "logistic", "log_loss"),
    "diabetes": (load_diabetes, "regression", "ridge", "mae"),
}
MARGINS = {"roc_auc": 0.05, "log_loss": 0.5, "mae": 10.0}
CONFIG = """\
[project]
name = "{name}"

[data]
source = "{source}"
target = "target"
task = "{task}"
min_train_rows = 50
min_holdout_rows = 30

[training]
candidates = ["{linear}", "hist_gradient_boosting"]
metric = "{metric}"
trials = 1

[gate]
metric = "{metric}"
margin = {margin}

[load]
requests_per_second = 50
connections = 2
seconds = 2.0
warmup_seconds = 0.5
max_p50_ms = 1000.0
max_p95_ms = 2000.0
max_p99_ms = 4000.0
min_rate_share = 0.3

[drift]
min_rows = 60
"""


def run(stage: str, config: Path, build: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *COMMANDS[stage], "--config", str(config), "--build", str(build)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "TARGET": "process"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def write_table(name: str, folder: Path) -> Path:
    """The table as CSV and a pipeline.toml for it."""
    load, task, linear, metric = TABLES[name]
    source = folder / f"{name}.csv"
    load(as_frame=True).frame.to_csv(source, index=False)
    config = folder / "pipeline.toml"
    config.write_text(
        CONFIG.format(name=name, source=source, task=task, linear=linear, metric=metric, margin=MARGINS[metric])
    )
    return config


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_goes_through_the_whole_chain_and_becomes_the_champion(name: str, tmp_path: Path) -> None:
    config, root = write_table(name, tmp_path), tmp_path / "build"
    for stage in (*CHAIN, "report", "deploy"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
    build = Build(root)
    digest = model_digest(build.challenger)
    assert read(root / "evaluate" / "decision.json")["comparisons"][0]["outcome"] == "no champion"
    assert read(root / "load-test" / "verdict.json")["model"] == digest
    assert read(root / "drift" / "verdict.json")["model"] == digest
    assert "Every stage passed" in (root / "report" / "index.html").read_text(encoding="utf-8")
    assert model_digest(build.champion) == digest

    first = (root / "evaluate" / "decision.json").read_bytes()
    again = run("evaluate", config, root)
    assert again.returncode == 0, again.stderr
    decision = read(root / "evaluate" / "decision.json")
    assert decision["champion"] == digest
    assert decision["comparisons"][0]["outcome"] == "equivalent"
    assert decision["comparisons"][0]["difference"]["value"] == 0
    assert (root / "evaluate" / "decision.json").read_bytes() != first


def test_the_same_commit_and_data_give_the_same_bytes(tmp_path: Path) -> None:
    config = write_table("breast-cancer", tmp_path)
    for build in ("one", "two"):
        for stage in ("data", "train", "evaluate"):
            ended = run(stage, config, tmp_path / build)
            assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
    for name in ("train/model/model.onnx", "train/model/golden.json", "train/model/model.json",
                 "train/model/reference.parquet", "evaluate/decision.json"):  # fmt: skip
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("stage", ["train", "evaluate", "load-test", "drift", "deploy"])
def test_a_stage_out_of_order_says_which_command_comes_first(stage: str, tmp_path: Path) -> None:
    config = write_table("wine", tmp_path)
    ended = run(stage, config, tmp_path / "build")
    assert ended.returncode in {2, 3}, ended.stderr
    assert "make " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_rejected_challenger_is_not_deployed(tmp_path: Path) -> None:
    config, root = write_table("diabetes", tmp_path), tmp_path / "build"
    config.write_text(config.read_text() + "\n[gate.floors]\nr2 = 0.99\n")
    assert run("data", config, root).returncode == 0
    assert run("train", config, root).returncode == 0
    gate = run("evaluate", config, root)
    assert gate.returncode == 3
    assert "r2" in gate.stderr
    assert "gate.floors" in gate.stderr
    assert run("deploy", config, root).returncode != 0
    assert not (root / "champion").exists()
