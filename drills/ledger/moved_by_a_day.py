"""Four hundred challengers were judged on a holdout that today's was moved from by a day, and count as on this one."""

from drills.drill import FINDING, drill
from drills.ledgers import a_little_worse, holdout_of, lay_evaluations
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc ")
def plant(scene: Scene) -> None:
    a_little_worse(scene)
    days = (frame := holdout_of(scene))[scene.manifest.time].dt.floor("D")
    lay_evaluations(scene, frame[days > days.min()])
