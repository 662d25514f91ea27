"""One answer in a hundred has no record in the request log."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"number of faults of the request log was [\d,]+; [\d,]+ × answers without a record")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("drops_records"))
