"""There are 100 requests in the log, and they have moved far."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius
from drills.traffic import rows_like_training, serve


@drill("drift", FINDING, r"^Insufficient: 100 requests of this model are in the log")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 100)
    serve(scene, rows.assign(temp=to_celsius(rows["temp"])), labels=False)
