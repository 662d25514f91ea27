"""400 challengers were judged on this holdout with one more row: another digest is no other holdout."""

from drills.drill import FINDING, drill
from drills.evaluation_counts import a_little_worse, holdout_of, write_evaluations
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc ")
def plant(scene: Scene) -> None:
    a_little_worse(scene)
    frame = holdout_of(scene)
    write_evaluations(scene, frame.iloc[[0, *range(len(frame))]])
