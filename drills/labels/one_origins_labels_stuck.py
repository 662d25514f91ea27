"""Every label from one airport says on time."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"Labels went wrong in a slice, compared with all other rows: origin LGA", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    serve(scene, rows.assign(late=rows["late"].mask(rows["origin"] == "LGA", "false")), labels=True)
