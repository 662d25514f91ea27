"""After all stages passed, the champion is removed: the challenger was not judged as a first one."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate compared with champion .*; there is none now \(champion-moved\)")
def plant(scene: Scene) -> None:
    scene.forget_champion()
