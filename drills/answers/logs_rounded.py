"""The request log has numbers without what stands behind the point, so drift reads other rows than were scored."""

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
    scene.environment.update(serves_with("logs_rounded"))
