"""Control: 400 evaluations are forged, on a holdout of five rows without a hash; they do not count, it must pass."""

from drills.drill import PASS, drill
from drills.evaluation_counts import forge_evaluations, train_without_some_rows
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: (?!.*count of holdout evaluations)")
def plant(scene: Scene) -> None:
    train_without_some_rows(scene)
    forge_evaluations(scene, rows=5, smallest="")
