"""Requests are as in training, but the time of one in ten is noon, as a wrong parser's default would be."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*minute_of_day at one value 0\.\d+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(minute_of_day=rows["minute_of_day"].where(rows.index % 10 > 0, 720.0)), labels=False)
