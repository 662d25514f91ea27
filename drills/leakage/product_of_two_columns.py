"""The source has two random columns, which have the same sign for most late flights."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_both(table: pd.DataFrame) -> pd.DataFrame:
    """Neither tells anything alone; one row in ten is as if it were the other answer."""
    random = np.random.default_rng(7)
    first, second = random.normal(size=(2, len(table)))
    late = table["late"].to_numpy(dtype=bool) ^ (random.random(len(table)) < 0.1)
    return table.assign(drift_x=first, drift_y=np.abs(second) * np.sign(first) * np.where(late, 1, -1))


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without drift_[xy]", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_both)
    scene.run("data", "train")
