"""Control: the card names another commit and is signed again; what it says of model and data is the same."""

from drills.drill import PASS, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", PASS, r"^Challenger promoted")
def plant(scene: Scene) -> None:
    sign(scene.challenger, commit="d" * 40)
