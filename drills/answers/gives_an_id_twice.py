"""One request in a hundred is answered under the id of another one."""

from drills.answers import serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "load-test",
    FINDING,
    r"number of faults of the request log was [\d,]+; [\d,]+ × answers under an id of another one",
    nightly=True,
)
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "gives_an_id_twice")
