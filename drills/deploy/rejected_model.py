"""The gate rejected the challenger, and it is deployed anyway."""

from drills.drill import FINDING, drill
from drills.models import blur
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate ended with exit code 3 \(Challenger rejected: .* is worse than")
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=0.02)
    scene.run_refused("evaluate")
