"""In requests like those of training, each has the carrier of the one before: no column has moved by itself."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*carrier, given the others \d+\.\d+ >")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(carrier=np.roll(rows["carrier"], 1)), labels=False)
