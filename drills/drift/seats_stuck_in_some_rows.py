"""Requests are as in training, but one in ten has a stuck number of seats."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*seats at one value 0\.\d+ >")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(seats=rows["seats"].where(rows.index % 10 > 0, 149.0)), labels=False)
