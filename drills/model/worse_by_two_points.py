"""The challenger's scores are blurred until it is two points of AUC worse than the champion."""

from drills.drill import FINDING, drill
from drills.models import blur
from drills.scene import Scene


@drill(
    "evaluate", FINDING, r"^Challenger rejected: .* the difference, -0\.0(19|20|21) \[.+\], is worse than the margin"
)
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=0.02)
