"""In the request log, each id stands beside the features of the row before."""

from drills.answers import OTHER_FEATURES, serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, OTHER_FEATURES, nightly=True)
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "logs_the_row_before")
