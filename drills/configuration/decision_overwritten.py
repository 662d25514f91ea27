"""The gate rejected, and someone wrote promote into decision.json."""

from drills.drill import FINDING, drill
from drills.models import blur
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate ended with exit code 3")
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=0.02)
    scene.run_refused("evaluate")
    scene.edit_json(scene.build.stage("evaluate") / "decision.json", decision="promote")
