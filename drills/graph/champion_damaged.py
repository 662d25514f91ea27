"""One byte of the champion's graph is another one than when it was signed."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(champion\): it cannot be scored: model\.onnx has sha256")
def plant(scene: Scene) -> None:
    path = scene.champion / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
