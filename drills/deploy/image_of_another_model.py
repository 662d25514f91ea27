"""All stages passed for the challenger, but the image that was built holds another model."""

from drills.drill import FINDING, drill
from drills.images import OTHER, write_image
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: build's image holds model sha256:e{12}, this one is sha256:")
def plant(scene: Scene) -> None:
    write_image(scene, model=OTHER)
