"""Requests are as in training, but none is of carrier UA."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*carrier 0\.\d+ >")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows[rows["carrier"] != "UA"].reset_index(drop=True), labels=False)
