"""The challenger's decision threshold is the other class's: 1 minus the right one."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(decision threshold\): 0\.[6-9]\d*, which costs")
def plant(scene: Scene) -> None:
    sign(scene.challenger, threshold=1 - (read_card(scene.challenger).threshold or 0.0))
