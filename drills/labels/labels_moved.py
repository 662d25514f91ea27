"""Requests are as in training, but one in seven of the flights that were on time is labelled late."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs are stable: .* Predictions are stable.* Labels are distributed differently")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 5000)
    flipped = np.random.default_rng(1).random(len(rows)) < 1 / 7
    serve(scene, rows.assign(late=rows["late"].mask(flipped, "true")), labels=True)
