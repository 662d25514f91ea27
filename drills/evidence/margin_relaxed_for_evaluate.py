"""gate.margin is relaxed for the gate alone, which promotes a worse model, and restored before the deploy."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate read other settings .* \(settings-changed\)\. Judge again")
def plant(scene: Scene) -> None:
    scene.run_with("evaluate", "gate.margin", 0.2)
