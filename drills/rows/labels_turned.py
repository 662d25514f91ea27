"""One label in ten is turned in all rows of the source: both models are hit alike, and their difference is 0."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def turned(table: pd.DataFrame, rows: "pd.Series[bool]") -> pd.DataFrame:
    """One label in ten of these rows is the other one."""
    is_turned = rows & (np.random.default_rng(7).random(len(table)) < 0.1)
    return table.assign(late=table["late"] ^ is_turned)


@drill("evaluate", FINDING, r"^Challenger rejected \((champion )?out of fold\): roc_auc 0\.[56]\d+ on the holdout")
def plant(scene: Scene) -> None:
    scene.source(lambda table: turned(table, table["late"].notna()))
    scene.run("data", "train")
