"""From one airport, every label says on time."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"Labels went wrong in a slice, compared with the rest: origin LGA", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    serve(scene, rows.assign(late=rows["late"].mask(rows["origin"] == "LGA", "false")), labels=True)
