"""The log has 4,000 requests: 100 rows, forty times each."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Insufficient: the log has 4,000 requests of this model, but only 1?\d\d effective rows")
def plant(scene: Scene) -> None:
    serve(scene, pd.concat([rows_like_training(scene, 100)] * 40, ignore_index=True), labels=False)
