"""The source has a feature made from the label with a little noise, and the challenger is trained on it."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(single feature\): minutes_over 0\.9\d+ alone")
def plant(scene: Scene) -> None:
    random = np.random.default_rng(1)
    scene.source(lambda table: table.assign(minutes_over=table["late"] * 3.0 + random.normal(size=len(table))))
    scene.run("data", "train")
