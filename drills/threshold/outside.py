"""The challenger's card has a decision threshold of 2, above every probability."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(decision threshold\): 2, which costs")
def plant(scene: Scene) -> None:
    sign(scene.challenger, threshold=2.0)
