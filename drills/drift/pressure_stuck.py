"""In requests like those of training, the pressure stands still at its mean: a sensor that sends its last value."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*pressure[a-z ,]* [\d.]+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(pressure=rows["pressure"].mean()), labels=False)
