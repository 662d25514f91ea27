"""The source no longer has the target column."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("data", USAGE, r"^data\.target = 'late' is no column of")
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.drop(columns="late"))
