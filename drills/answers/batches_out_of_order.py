"""One row at a time is right; of a batch, the answers stand in another order than the rows."""

from drills.answers import serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)")
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "turns_batches")
