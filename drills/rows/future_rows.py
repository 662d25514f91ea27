"""After the data stage, rows of the replay get into the train table, and data.json says so."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(training period\): trained on rows up to 2013-10-", nightly=True)
def plant(scene: Scene) -> None:
    replay = pd.read_parquet(scene.build.stage("data") / "replay.parquet")
    scene.table("train", lambda train: pd.concat([train, replay.iloc[:5000]]))
    scene.run("train")
