"""One row at a time is right; a batch does not know the last category of each column."""

from drills.answers import serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "load-test",
    FINDING,
    r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)",
    nightly=True,
)
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "forgets_a_category")
