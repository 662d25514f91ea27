"""Requests are as in training, but the seats of one carrier's aircraft are those of another's."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*carrier, given the others \d+\.\d+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    seats = rows["seats"].to_numpy(copy=True)
    of_united = np.flatnonzero(rows["carrier"] == "UA")
    seats[of_united] = np.resize(rows.loc[rows["carrier"] == "EV", "seats"].to_numpy(), len(of_united))
    serve(scene, rows.assign(seats=seats), labels=False)
