"""The labels of one carrier are flipped; performance over all rows holds."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"Labels went wrong in a slice, compared with all other rows: carrier WN")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    flipped = rows["late"].map({"true": "false", "false": "true"})
    serve(scene, rows.assign(late=rows["late"].mask(rows["carrier"] == "WN", flipped)), labels=True)
