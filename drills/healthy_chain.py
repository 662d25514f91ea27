"""The healthy chain that every scene is a copy of: the flights, a challenger just trained, and a champion.

The real commands make it once. On a push it has a third of the train rows and tries one candidate with one setting,
because drills test how the stages answer, not how good the model is. FULL=1 takes all rows and the whole search.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.pipeline_toml.keys import Data
from contracts.pipeline_toml.reader import load_config
from drills.pipeline_toml import with_key
from drills.scene import SOURCE, Scene
from testbed.cards import sign
from training.dataset.sources import read_source
from training.judging.relaxed_thresholds import recorded

QUICK = {
    "training.candidates": ["hist_gradient_boosting"],
    "training.trials": 1,
    "training.folds": 2,
    "load.seconds": 5.0,
}
# Drills do not test the healthy chain's own load test: a busy machine must not end them before they begin.
WIDE_LIMITS = {
    "load.max_p50_ms": 1e4, "load.max_p95_ms": 1e4, "load.max_p99_ms": 1e4, "load.max_stall_ms": 1e4,
    "load.max_ratio": 1e3, "load.min_rate_share": 0.1,
}  # fmt: skip
TRAIN_ROWS_DIVISOR = 3
CONFIG = Path(__file__).with_name("pipeline.toml")
COMMIT_OF_CHAMPION = "c" * 40


def make_base(root: Path, *, full: bool) -> Scene:
    """Run every stage; the champion computes the same as the challenger. Raises PlantError if a stage fails."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    scene = Scene(root, {"TARGET": "process"})  # drills need no container engine
    text = CONFIG.read_text(encoding="utf-8")
    source = root / SOURCE
    _table(load_config(CONFIG).data, full=full).to_parquet(source, index=False)
    for key, value in ({} if full else QUICK).items():
        text = with_key(text, key, value)
    for key, value in (("data.source", str(source)), ("data.sha256", "")):
        text = with_key(text, key, value)
    scene.config.write_text(text, encoding="utf-8")
    settings_of_champion = recorded(load_config(scene.config))
    set_wide_limits(scene)
    scene.run("data", "train")
    shutil.copytree(scene.challenger, scene.champion)
    sign(scene.champion, commit=COMMIT_OF_CHAMPION, gate=settings_of_champion)
    scene.run("evaluate", "build", "load-test", "drift")
    scene.config.write_text(text, encoding="utf-8")
    return scene


def set_wide_limits(scene: Scene) -> None:
    """Set the limits that the base's stages read: a promotion requires that they are still the same."""
    for key, value in WIDE_LIMITS.items():
        scene.prepare(key, value)


def project_config(project: str) -> str:
    """The text of drills/pipeline.toml, made from the text of the project's: without its comments."""
    title, *_ = CONFIG.read_text(encoding="utf-8").splitlines()
    return "\n".join([title, *(line for line in project.splitlines() if not line.startswith("#"))]) + "\n"


def _table(data: Data, *, full: bool) -> pd.DataFrame:
    """The source's table; unless `full`, with one in three of the rows before the holdout."""
    table = read_source(data.source, data.sha256).table
    first = pd.Timestamp(str(data.as_of)) - pd.Timedelta(days=data.holdout_days)
    is_kept = (np.arange(len(table)) % TRAIN_ROWS_DIVISOR == 0) | (table[data.time] >= first)
    return table if full else table[is_kept]
