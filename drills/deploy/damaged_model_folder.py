"""One byte of the model's graph is another one than when every stage passed for it."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"model\.onnx has sha256 [0-9a-f]{64}, model\.json says [0-9a-f]{64}: it was changed")
def plant(scene: Scene) -> None:
    path = scene.challenger / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
