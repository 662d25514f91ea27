"""The challenger's graph swaps the probabilities of the two classes, and so do its golden rows."""

from drills.drill import FINDING, drill
from drills.models import edit, swap_outputs
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc 0\.2\d\d on .* is worse than the margin")
def plant(scene: Scene) -> None:
    edit(scene.challenger, swap_outputs)
