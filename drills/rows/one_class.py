"""Every flight in the source is on time."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("data", FINDING, r"^'late' has one class only, 'false'")
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.assign(late=False))
