"""The challenger's service keeps 80 kB of every request for ever."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The growth of its memory under load was \d+\.\d MB .* required at most 32 MB")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.environment.update(serves_with("leaks"))
