"""The source has two random columns; for late flights the second is 3 more than the first."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene

HOURS = 12
WAIT = 3


def with_both(table: pd.DataFrame) -> pd.DataFrame:
    """Neither tells much alone; one row in fifty is as if it were the other answer."""
    random = np.random.default_rng(7)
    first = random.integers(0, HOURS, len(table))
    late = table["late"].to_numpy(dtype=bool) ^ (random.random(len(table)) < 0.02)
    return table.assign(gate_opens=first, gate_closes=first + WAIT * late)


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without gate_(opens|closes)")
def plant(scene: Scene) -> None:
    scene.source(with_both)
    scene.run("data", "train")
