"""An image of this model was built, but the load test loaded the service as a process."""

from drills.drill import FINDING, drill
from drills.images import write_image
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: load-test loaded a process, not the image flights:sha-1 \(not-loaded\)")
def plant(scene: Scene) -> None:
    write_image(scene)
