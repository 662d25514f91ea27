"""The count of evaluations was deleted, the champion's own among them; the decision must say so."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill(
    "evaluate", PASS, r"The count of holdout evaluations is new, and the champion was judged before it was promoted\."
)
def plant(scene: Scene) -> None:
    scene.build.evaluations.unlink(missing_ok=True)
