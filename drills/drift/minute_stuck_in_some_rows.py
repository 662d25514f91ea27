"""In one of ten requests like those of training, the time of day is noon: what a wrong parser falls back to."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Inputs drifted: .*minute_of_day at one value 0\.\d+ >", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    serve(scene, rows.assign(minute_of_day=rows["minute_of_day"].where(rows.index % 10 > 0, 720.0)), labels=False)
