"""Every stage has passed for the challenger, and the image that lies beside it holds another model."""

from drills.drill import FINDING, drill
from drills.images import OTHER, lay_image
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: build's image holds model sha256:e{12}, this one is sha256:")
def plant(scene: Scene) -> None:
    lay_image(scene, model=OTHER)
