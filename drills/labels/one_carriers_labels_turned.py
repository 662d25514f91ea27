"""Labels of one carrier come in turned around, as if `late` meant on time there; the whole holds."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"Labels went wrong in a slice, compared with the rest: carrier WN")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    turned = rows["late"].map({"true": "false", "false": "true"})
    serve(scene, rows.assign(late=rows["late"].mask(rows["carrier"] == "WN", turned)), labels=True)
