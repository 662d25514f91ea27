"""The margin stands under a misspelled key, gate.magrin."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"unknown key gate\.magrin\. Did you mean margin\?")
def plant(scene: Scene) -> None:
    scene.set("gate.magrin", 0.01)
