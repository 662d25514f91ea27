"""Four hundred challengers were judged on this holdout with one row more: another digest is no other holdout."""

from drills.drill import FINDING, drill
from drills.ledgers import a_little_worse, holdout_of, lay_evaluations
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc ")
def plant(scene: Scene) -> None:
    a_little_worse(scene)
    frame = holdout_of(scene)
    lay_evaluations(scene, frame.iloc[[0, *range(len(frame))]])
