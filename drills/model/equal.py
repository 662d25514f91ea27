"""Control: the challenger is the champion trained anew with another seed; it must pass as equivalent."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted: .* is within the margin")
def plant(scene: Scene) -> None:
    scene.set("data.seed", 8)
    scene.run("train")
