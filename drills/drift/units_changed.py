"""Requests are as in training, but temperatures are in °C."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius
from drills.served_requests import rows_like_training, serve


@drill(
    "drift",
    FINDING,
    r"^Inputs drifted: \d+ of \d+ columns over their threshold \([^)]*temp[^>]* \d+\.\d+ >",
    nightly=True,
)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 2000)
    serve(scene, rows.assign(temp=to_celsius(rows["temp"])), labels=False)
