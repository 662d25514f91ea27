"""Control: challenger and champion are the same model in the same service; neither may be judged slower."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("load-test", PASS, r"[\d,]+ requests at (19\d|200)/s, 0 failed.* Against the champion: p50")
def plant(scene: Scene) -> None:
    scene.prepare("load.seconds", 8.0)
