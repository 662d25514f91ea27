"""Requests are as in training, but the pressure is always its mean, as from a stuck sensor."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*pressure[a-z ,]* [\d.]+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(pressure=rows["pressure"].mean()), labels=False)
