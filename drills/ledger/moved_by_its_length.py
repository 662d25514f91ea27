"""Control: four hundred challengers were judged on the days after this holdout, which are others; it must pass."""

import pandas as pd

from drills.drill import PASS, drill
from drills.ledgers import a_little_worse, lay_evaluations
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: (?!.*count of holdout evaluations)")
def plant(scene: Scene) -> None:
    a_little_worse(scene)
    lay_evaluations(scene, pd.read_parquet(scene.build.stage("data") / "replay.parquet"))
