"""Control: a miss costs 2 false alarms instead of 3, and gate.signed_off allows that; it must pass."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted")
def plant(scene: Scene) -> None:
    scene.set("training.cost_of_a_miss", 2.0)
    scene.set("gate.signed_off", ["costs 2:1 instead of 3:1"])
    scene.run("train")
