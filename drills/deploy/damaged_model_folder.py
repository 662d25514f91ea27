"""One byte of the model's graph has changed since all stages passed for it."""

from drills.drill import FINDING, drill
from drills.scene import Scene, flip_a_bit


@drill("promote", FINDING, r"model\.onnx has sha256 [0-9a-f]{64}, model\.json says [0-9a-f]{64}: it was changed")
def plant(scene: Scene) -> None:
    flip_a_bit(scene.challenger / "model.onnx")
