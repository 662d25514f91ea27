"""Control: challenger and champion compute the same in the same service; neither may be called slower."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("load-test", PASS, r"[\d,]+ requests at (19\d|200)/s, 0 failed.* Against the champion: p50")
def plant(scene: Scene) -> None:
    scene.prepare("load.seconds", 8.0)
