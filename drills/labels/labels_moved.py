"""Requests are like those of training, and one flight in seven that was on time comes late."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs are stable: .* Predictions are stable.* Labels are distributed otherwise")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 5000)
    turned = np.random.default_rng(1).random(len(rows)) < 1 / 7
    serve(scene, rows.assign(late=rows["late"].mask(turned, "true")), labels=True)
