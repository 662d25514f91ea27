"""One label in ten is flipped in the whole source: both models lose as much, so their difference is 0."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def flipped(table: pd.DataFrame, rows: "pd.Series[bool]") -> pd.DataFrame:
    """The table with one label in ten of these rows flipped."""
    is_flipped = rows & (np.random.default_rng(7).random(len(table)) < 0.1)
    return table.assign(late=table["late"] ^ is_flipped)


@drill("evaluate", FINDING, r"^Challenger rejected \((champion )?out of fold\): roc_auc 0\.[56]\d+ on the holdout")
def plant(scene: Scene) -> None:
    scene.source(lambda table: flipped(table, table["late"].notna()))
    scene.run("data", "train")
