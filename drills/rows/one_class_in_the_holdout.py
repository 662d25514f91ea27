"""No flight of the holdout is late: its labels have not arrived, and read false."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("data", FINDING, r"^class 'true' has 0 rows in the holdout")
def plant(scene: Scene) -> None:
    is_new = scene.is_from_holdout_on
    scene.source(lambda table: table.assign(late=table["late"] & ~is_new))
