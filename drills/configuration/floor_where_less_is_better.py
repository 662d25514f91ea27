"""A floor is asked of the Brier score, which lets the worst through."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"gate\.floors: of brier less is better; it belongs under gate\.limits")
def plant(scene: Scene) -> None:
    scene.set("gate.floors.brier", 0.1)
