"""A miss costs 3,000 false alarms instead of 3; the challenger, trained for that, predicts late for every flight."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(expected cost by the champion's costs\): .*costs 3000:1 instead")
def plant(scene: Scene) -> None:
    scene.set("training.cost_of_a_miss", 3000.0)
    scene.run("train")
