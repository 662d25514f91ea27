"""400 challengers were judged on a holdout that differs from today's by one day; they count for today's."""

from drills.drill import FINDING, drill
from drills.evaluation_counts import a_little_worse, holdout_of, write_evaluations
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc ")
def plant(scene: Scene) -> None:
    a_little_worse(scene)
    days = (frame := holdout_of(scene))[scene.manifest.time].dt.floor("D")
    write_evaluations(scene, frame[days > days.min()])
