"""The card's out-of-fold roc_auc is the right one, and its interval so wide that no holdout is worse."""

from drills.drill import FINDING, drill
from drills.resigned import with_figures
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(out-of-fold figures\): roc_auc 0\.\d+ \[", nightly=True)
def plant(scene: Scene) -> None:
    with_figures(scene, "roc_auc", low=-0.2, high=0.2)
