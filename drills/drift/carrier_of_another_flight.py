"""Requests are as in training, but each has the previous one's carrier: no single column has moved."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*carrier, given the others \d+\.\d+ >")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(carrier=np.roll(rows["carrier"], 1)), labels=False)
