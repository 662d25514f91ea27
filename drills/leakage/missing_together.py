"""Two random columns of the source are each missing in half of the rows: in the same ones for late flights."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Neither number tells anything, nor whether one of them is missing; one row in a hundred is otherwise."""
    random = np.random.default_rng(7)
    first = random.random(len(table)) < 0.5
    late = table["late"].to_numpy(dtype=bool) ^ (random.random(len(table)) < 0.01)
    values = random.normal(size=(2, len(table)))
    gaps = first, np.where(late, first, ~first)
    return table.assign(**{f"gauge_{at}": np.where(gaps[at], np.nan, values[at]) for at in (0, 1)})


@drill("evaluate", FINDING, r"^Challenger rejected \(plausible gain\): .* without gauge_[01]", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_gaps)
    scene.run("data", "train")
