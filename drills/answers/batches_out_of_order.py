"""One row at a time is right; of a batch, the answers stand in another order than the rows."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("turns_batches"))
