"""drift.numeric_effect is so large in the drift stage alone that nothing drifts, and restored before the deploy."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: drift read other settings .* \(settings-changed\)\. Judge again")
def plant(scene: Scene) -> None:
    scene.run_with("drift", "drift.numeric_effect", 9.0)
