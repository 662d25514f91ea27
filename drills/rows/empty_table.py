"""The source has its columns but no rows."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("data", FINDING, r"has no rows\.$")
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.iloc[:0])
