"""Control: 400 challengers were judged on the days after this holdout, which do not count; it must pass."""

import pandas as pd

from drills.drill import PASS, drill
from drills.evaluation_counts import train_without_some_rows, write_evaluations
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: (?!.*count of holdout evaluations)")
def plant(scene: Scene) -> None:
    train_without_some_rows(scene)
    write_evaluations(scene, pd.read_parquet(scene.build.stage("data") / "replay.parquet"))
