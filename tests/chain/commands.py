"""The chain's real commands, and three tables that scikit-learn ships, with a pipeline.toml each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "data": ["-m", "training", "data"],
    "train": ["-m", "training", "train"],
    "evaluate": ["-m", "training", "evaluate"],
    "build": ["-m", "deploy", "build"],
    "load-test": ["load-tests/run.py"],
    "drift": ["-m", "reports", "drift"],
    "report": ["-m", "reports", "report"],
    "promote": ["-m", "deploy", "promote"],
    "requests": ["-m", "reports", "requests"],
    "scheduled-drift": ["-m", "reports", "scheduled-drift"],
    "retrain": ["-m", "reports", "retrain"],
    "champion": ["-m", "deploy", "champion"],
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


def run(stage: str, config: Path, build: Path, *more: str) -> subprocess.CompletedProcess[str]:
    where = ["--build", str(build)] if stage == "champion" else ["--config", str(config), "--build", str(build)]
    return subprocess.run(
        [sys.executable, *COMMANDS[stage], *where, *more],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "TARGET": "process"},
        capture_output=True, text=True, check=False,
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
