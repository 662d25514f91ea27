"""One byte of the champion's graph has changed since it was signed."""

from drills.drill import FINDING, drill
from drills.scene import Scene, flip_a_bit


@drill("evaluate", FINDING, r"^Challenger rejected \(champion\): it cannot be scored: model\.onnx has sha256")
def plant(scene: Scene) -> None:
    flip_a_bit(scene.champion / "model.onnx")
