"""A floor is set for the Brier score, where less is better: it would let the worst models through."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"gate\.floors: of brier less is better; it belongs under gate\.limits")
def plant(scene: Scene) -> None:
    scene.set("gate.floors.brier", 0.1)
