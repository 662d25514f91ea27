"""From the first day of the holdout on, 30 % of the temperatures are missing."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(table contract\): temp is missing in (29|30)\.\d % of the rows")
def plant(scene: Scene) -> None:
    is_new = scene.is_from_holdout_on
    lost = is_new & (np.random.default_rng(1).random(len(is_new)) < 0.3)
    scene.source(lambda table: table.assign(temp=table["temp"].mask(lost)))
    scene.run("data", "train")
