"""The change that brings a model two points worse widens both margins for it: it passes, and a line says so."""

from drills.drill import PASS, drill
from drills.models import blur
from drills.scene import Scene


@drill(
    "evaluate",
    PASS,
    r"The gate asks less than before: .*gate\.margin is 0\.04; it was 0\.01 when the champion was judged",
)
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=0.02)
    scene.set("gate.margin", 0.04)
    scene.set("gate.cost_margin", 0.3)
