"""The source has a random number that is at its default, 0, for most late flights."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_defaults(table: pd.DataFrame) -> pd.DataFrame:
    """Nothing is missing: the gap has been filled."""
    random = np.random.default_rng(7)
    late = table["late"].to_numpy(dtype=bool)
    is_default = random.random(len(table)) < np.where(late, 0.7, 0.02)
    return table.assign(checklist=np.where(is_default, 0.0, random.normal(size=len(table))))


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without checklist", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_defaults)
    scene.run("data", "train")
