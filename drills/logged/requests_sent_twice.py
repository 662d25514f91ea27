"""One request in five repeats another, under an id of its own."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: \d of \d+ columns .*; \d+\.\d% of the requests only repeat others")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 2000)
    serve(scene, pd.concat([rows, rows.sample(500, random_state=1)], ignore_index=True), labels=False)
