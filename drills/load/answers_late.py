"""The challenger's service lets every answer lie for two milliseconds, which costs no CPU."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The p(50|95) latency, challenger over champion, was \d+\.\d\d")
def plant(scene: Scene) -> None:
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("answers_late"))
