"""One row at a time is right; a batch does not know the last category of each column."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill(
    "load-test",
    FINDING,
    r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("forgets_a_category"))
