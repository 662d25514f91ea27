"""The source has a planned and a real turnaround time; for late flights the second is double."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_both(table: pd.DataFrame) -> pd.DataFrame:
    """Planned times differ by far more than twice; one row in fifty is as if it were the other answer."""
    random = np.random.default_rng(7)
    planned = np.exp(random.normal(3, 1, len(table)))
    late = table["late"].to_numpy(dtype=bool) ^ (random.random(len(table)) < 0.02)
    return table.assign(turn_planned=planned, turn_real=planned * np.where(late, 2.0, 1.0))


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without turn_(planned|real)", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_both)
    scene.run("data", "train")
