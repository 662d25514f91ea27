"""After every stage has passed, the champion is taken away: what comes in would be the first, and was not judged so."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate compared with champion .*; there is none now \(champion-moved\)")
def plant(scene: Scene) -> None:
    scene.forget_champion()
