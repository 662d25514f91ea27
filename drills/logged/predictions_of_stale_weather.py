"""The model was asked with the weather of another row than the log has."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS
from drills.scene import Scene
from drills.traffic import rows_like_training, serve, with_weather_of_other_rows


@drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows, labels=False, scored=with_weather_of_other_rows(rows))
