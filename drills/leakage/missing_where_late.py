"""The source has a random number that is missing for most late flights and for few others."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The number itself tells nothing."""
    random = np.random.default_rng(7)
    late = table["late"].to_numpy(dtype=bool)
    is_missing = random.random(len(table)) < np.where(late, 0.7, 0.02)
    return table.assign(gauge=np.where(is_missing, np.nan, random.normal(size=len(table))))


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without gauge")
def plant(scene: Scene) -> None:
    scene.source(with_gaps)
    scene.run("data", "train")
