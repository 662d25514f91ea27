"""One request in a hundred ends in status 500."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The share of failed requests was (0\.9|1\.0)\d%")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.environment.update(serves_with("fails"))
