"""The train stage reads the holdout's rows too, and the card it writes says nothing of it."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted rows\): \d+\.\d % of the rows in reference\.parquet")
def plant(scene: Scene) -> None:
    holdout = pd.read_parquet(scene.build.stage("data") / "holdout.parquet")
    with scene.for_training(lambda train: pd.concat([train, holdout])):
        scene.run("train")
