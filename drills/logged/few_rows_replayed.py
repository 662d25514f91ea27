"""There are 4,000 requests in the log, which are 100 rows, forty times each."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Insufficient: 4,000 requests of this model are in the log, worth 1?\d\d rows")
def plant(scene: Scene) -> None:
    serve(scene, pd.concat([rows_like_training(scene, 100)] * 40, ignore_index=True), labels=False)
