"""The request log has numbers without what stands behind the point, so drift reads other rows than were scored."""

from drills.answers import OTHER_FEATURES, serve_alone_with
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, OTHER_FEATURES, nightly=True)
def plant(scene: Scene) -> None:
    serve_alone_with(scene, "logs_rounded")
