"""Control: 400 evaluations are forged, on a holdout of no rows with two hashes; they do not count, it must pass."""

from drills.drill import PASS, drill
from drills.evaluation_counts import forge_evaluations, train_without_some_rows
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: (?!.*count of holdout evaluations)", nightly=True)
def plant(scene: Scene) -> None:
    train_without_some_rows(scene)
    forge_evaluations(scene, rows=0, smallest="0" * 12 + "1" * 12)
