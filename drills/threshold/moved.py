"""The challenger ranks as well as the champion, and its card says that only a probability of 0.999 means yes."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(decision threshold\): 0\.999, which costs 0\.\d+ more")
def plant(scene: Scene) -> None:
    sign(scene.challenger, threshold=0.999)
