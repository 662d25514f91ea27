"""Control: a miss costs 5 false alarms instead of 3, and somebody signed that off; it passes, and says so."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted")
def plant(scene: Scene) -> None:
    scene.set("training.cost_of_a_miss", 5.0)
    scene.set("gate.signed_off", ["costs 5:1 instead of 3:1"])
    scene.run("train")
