"""The floor of roc_auc is lowered; the summary of the run must say so in a line of its own."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("report", PASS, r"^> .* The gate asks less than before: gate\.floors\.roc.*auc is 0\.5; it was 0\.6 when")
def plant(scene: Scene) -> None:
    scene.set("gate.floors.roc_auc", 0.5)
    scene.run("evaluate")
