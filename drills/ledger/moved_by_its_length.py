"""Control: 400 challengers were judged on the days after this holdout, which do not count; it must pass."""

import numpy as np
import pandas as pd

from drills.drill import PASS, drill
from drills.evaluation_counts import write_evaluations
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: (?!.*count of holdout evaluations)")
def plant(scene: Scene) -> None:
    is_learned = ~scene.is_from_holdout_on.to_numpy()
    scene.source(lambda table: table[~(is_learned & (np.arange(len(table)) % 100 == 50))])
    scene.run("data", "train")
    write_evaluations(scene, pd.read_parquet(scene.build.stage("data") / "replay.parquet"))
