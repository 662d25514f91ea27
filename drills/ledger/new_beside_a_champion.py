"""The count of tries was deleted, and the champion's own try with it; the decision must say so."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"The count of tries is new, and the champion was judged before it was promoted\.")
def plant(scene: Scene) -> None:
    scene.build.tries.unlink(missing_ok=True)
