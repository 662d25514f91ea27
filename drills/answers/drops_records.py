"""One answer in a hundred has no record in the request log."""

from drills.answers import serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"number of faults of the request log was [\d,]+; [\d,]+ × answers without a record")
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "drops_records")
