"""The train stage also reads the holdout's rows, and the card that it writes does not say so."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted rows\): \d+\.\d % of the rows in reference\.parquet")
def plant(scene: Scene) -> None:
    holdout = pd.read_parquet(scene.build.stage("data") / "holdout.parquet")
    with scene.for_training(lambda train: pd.concat([train, holdout])):
        scene.run("train")
