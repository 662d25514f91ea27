"""The first challenger's answers do not depend on the features, and no floor is set that would refuse it."""

from drills.drill import FINDING, drill
from drills.models import Rescored, rescore
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(baseline\): roc_auc 0\.[45]\d+, the baseline's 0\.")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.set("gate.floors.roc_auc", None)
    rescore(scene.challenger, Rescored(slope=0.0, offset=-1.5, noise=0.5))
