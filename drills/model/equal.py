"""Control: the champion trained anew without one in a hundred of its rows; it must pass as equivalent."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: .* is within the margin")
def plant(scene: Scene) -> None:
    with scene.for_training(lambda train: train.drop(train.index[50::100])):
        scene.run("train")
