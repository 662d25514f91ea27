"""Requests are as in training, but each has the previous one's distance, which does not fit its destination."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*dest, given the others \d+\.\d+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(distance=np.roll(rows["distance"], 1)), labels=False)
