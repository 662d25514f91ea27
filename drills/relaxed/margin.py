"""The change that brings a poorer kind of model widens margins and limit for it: it passes, and a line says so."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill(
    "evaluate",
    PASS,
    r"The gate asks less than before: .*gate\.margin is 0\.05; it was 0\.01 when the champion was judged",
)
def plant(scene: Scene) -> None:
    scene.set("training.candidates", ["logistic"])
    scene.run("train")
    scene.set("gate.margin", 0.05)
    scene.set("gate.cost_margin", 0.6)
    scene.set("gate.max_calibration_error", 0.1)
