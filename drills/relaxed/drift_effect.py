"""The effect size from which a number drifts is ten times as large; the decision must say so in a line of its own."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"The gate asks less than before: drift\.numeric_effect is 1; it was 0\.1 when")
def plant(scene: Scene) -> None:
    scene.set("drift.numeric_effect", 1.0)
