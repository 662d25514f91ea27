"""The card's out-of-fold roc_auc is right, but its interval is so wide that no holdout is worse."""

from drills.drill import FINDING, drill
from drills.model_evidence import add_to_metric
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(out-of-fold figures\): roc_auc 0\.\d+ \[", nightly=True)
def plant(scene: Scene) -> None:
    add_to_metric(scene, "roc_auc", low=-0.2, high=0.2)
