"""The healthy chain that every scene is a copy of: the project's own table, a fresh challenger, a champion.

Made once by the real commands. On a push the search is cut to one candidate and one setting: what is proven is how
the stages answer, not how good a model the search finds. With FULL=1 pipeline.toml stays as it is.
"""

import shutil
from pathlib import Path

import pandas as pd

from contracts.config_file import load_config
from drills.models import sign
from drills.pipeline_toml import with_key
from drills.scene import SOURCE, Scene
from training.dataset.sources import read_source

QUICK = {"training.candidates": ["hist_gradient_boosting"], "training.trials": 1, "training.folds": 2}
COMMIT_OF_CHAMPION = "c" * 40


def make_base(root: Path, config: Path, *, full: bool) -> Scene:
    """Data, train, and a champion that computes what the challenger does. Raises PlantError where a stage fails."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    scene = Scene(root)
    text = config.read_text(encoding="utf-8")
    source = root / SOURCE
    _table(config).to_parquet(source, index=False)
    for key, value in ({} if full else QUICK).items():
        text = with_key(text, key, value)
    for key, value in (("data.source", str(source)), ("data.sha256", "")):
        text = with_key(text, key, value)
    scene.config.write_text(text, encoding="utf-8")
    scene.run("data", "train")
    shutil.copytree(scene.challenger, scene.champion)
    sign(scene.champion, commit=COMMIT_OF_CHAMPION)
    return scene


def _table(config: Path) -> pd.DataFrame:
    data = load_config(config).data
    return read_source(data.source, data.sha256).table
