"""The challenger's service keeps 2 kB of every distinct row: a cache without a bound."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"memory kept of each request, growing all the time, was [\d,]+ bytes", nightly=True)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.environment.update(serves_with("remembers_rows"))
