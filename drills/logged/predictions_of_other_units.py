"""One converter stands before the model and none before the log: it was asked in °C."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS
from drills.scene import Scene, to_celsius
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows, labels=False, scored=rows.assign(temp=to_celsius(rows["temp"])))
