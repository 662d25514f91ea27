"""The log has 100 requests, and they have moved far."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"^Insufficient: the log has 100 requests of this model")
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 100)
    serve(scene, rows.assign(temp=to_celsius(rows["temp"])), labels=False)
