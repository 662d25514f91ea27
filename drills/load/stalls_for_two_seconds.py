"""Once in the run, the challenger's service answers nobody for two seconds."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The longest wait for an answer was 2\d\d\d ms, required at most 1000 ms")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.environment.update(serves_with("stalls"))
