"""The challenger ranks as well as the champion, but its card has a decision threshold of 0.999."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(decision threshold\): 0\.999, which costs 0\.\d+ more")
def plant(scene: Scene) -> None:
    sign(scene.challenger, threshold=0.999)
