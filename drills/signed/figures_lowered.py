"""The card's out-of-fold roc_auc is three points lower, so that a holdout that is as much worse still matches it."""

from drills.drill import FINDING, drill
from drills.model_evidence import add_to_metric
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(out-of-fold figures\): roc_auc 0\.\d+ .* fitted again 0\.\d+")
def plant(scene: Scene) -> None:
    add_to_metric(scene, "roc_auc", value=-0.03, low=-0.03, high=-0.03)
