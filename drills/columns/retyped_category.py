"""The source writes carriers as numbers instead of two letters."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(champion\): .*'carrier' holds numbers .* reads it as categorical",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.set("gate.slices", ["origin"])
    scene.source(lambda table: table.assign(carrier=pd.factorize(table["carrier"], sort=True)[0]))
    scene.run("data", "train")
