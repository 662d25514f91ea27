"""30 % of the temperatures are missing in the whole source; they were there when the champion was trained."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(champion's table contract\): temp is missing in (29|30)\.\d % of",
    nightly=True,
)
def plant(scene: Scene) -> None:
    random = np.random.default_rng(1)
    scene.source(lambda table: table.assign(temp=table["temp"].mask(random.random(len(table)) < 0.3)))
    scene.run("data", "train")
