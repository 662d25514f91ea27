"""The challenger's card lists its two classes in the wrong order."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill(
    "evaluate", FINDING, r"^Challenger rejected \(challenger\): .* its classes: true, false; the table's: false, true"
)
def plant(scene: Scene) -> None:
    sign(scene.challenger, classes=("true", "false"))
