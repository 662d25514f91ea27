"""One answer in a hundred has status 200 and another probability than the model gives."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The number of wrong answers with status 200 was \d+ of")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.environment.update(serves_with("lies"))
