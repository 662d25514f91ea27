"""Control: 5,000 requests are as in training, and their labels, too; the window must be stable."""

from drills.drill import PASS, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", PASS, r"^Inputs are stable: 0 of \d+ columns.* Predictions are stable.* Performance held")
def plant(scene: Scene) -> None:
    serve(scene, rows_like_training(scene, 5000), labels=True)
