"""Control: the champion is blurred until it is two points of AUC worse; the challenger must pass as an improvement."""

from drills.drill import PASS, drill
from drills.models import blur
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: .* is an improvement")
def plant(scene: Scene) -> None:
    blur(scene, scene.champion, loss=0.02)
