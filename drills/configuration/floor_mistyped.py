"""A floor is set for roc_acu, which is not a metric."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"gate\.floors: 'roc_acu' is no metric of a binary task")
def plant(scene: Scene) -> None:
    scene.set("gate.floors.roc_acu", 0.6)
