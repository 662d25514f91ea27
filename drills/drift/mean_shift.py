"""Requests are as in training, but every distance is half a standard deviation longer."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: \d of \d+ columns over their threshold \(.*distance[a-z ,]* 0\.\d+ >")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 2000)
    serve(scene, rows.assign(distance=rows["distance"] + rows["distance"].std() / 2), labels=False)
