"""The card's out-of-fold roc_auc is lowered by three points: a holdout that fell as far keeps what was promised."""

from drills.drill import FINDING, drill
from drills.resigned import with_figures
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(out-of-fold figures\): roc_auc 0\.\d+ .* fitted again 0\.\d+")
def plant(scene: Scene) -> None:
    with_figures(scene, "roc_auc", value=-0.03, low=-0.03, high=-0.03)
