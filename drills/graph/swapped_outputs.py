"""The challenger's graph gives each class the other one's probability, and its golden rows say so too."""

from drills.drill import FINDING, drill
from drills.models import edit, swap_outputs
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: roc_auc 0\.2\d\d on .* is worse than the margin")
def plant(scene: Scene) -> None:
    edit(scene.challenger, swap_outputs)
