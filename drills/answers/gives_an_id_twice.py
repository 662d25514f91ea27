"""One request in a hundred is answered under the id of another one."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill(
    "load-test",
    FINDING,
    r"number of faults of the request log was [\d,]+; [\d,]+ × answers under an id of another one",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.prepare("load.seconds", 8.0)
    scene.environment.update(serves_with("gives_an_id_twice"))
