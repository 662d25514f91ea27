"""In the request log, each id stands beside the features of the row before."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill(
    "load-test",
    FINDING,
    r"number of faults of the request log was [\d,]+; [\d,]+ × records with other features than were sent",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("logs_the_row_before"))
