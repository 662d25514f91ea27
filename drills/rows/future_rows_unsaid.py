"""After the data stage, rows of the replay replace train rows, and data.json does not say so."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("train", FINDING, r"^train\.parquet is not what data\.json describes")
def plant(scene: Scene) -> None:
    replay = pd.read_parquet(scene.build.stage("data") / "replay.parquet")
    scene.table("train", lambda train: pd.concat([train.iloc[5000:], replay.iloc[:5000]]), described=False)
