"""The decision is about an earlier challenger that computes the same and has another digest."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("promote", FINDING, r"^Not promoted: evaluate judged model sha256:[0-9a-f]+, this one is sha256:")
def plant(scene: Scene) -> None:
    sign(scene.challenger, name="another")
