"""The image that was built holds this model, but the load test loaded another image of it."""

from drills.drill import FINDING, drill
from drills.images import write_image
from drills.scene import Scene


@drill(
    "promote", FINDING, r"^Not promoted: load-test loaded image sha256:f{12}, this one is sha256:e{12} \(other-image\)"
)
def plant(scene: Scene) -> None:
    write_image(scene)
    scene.edit_json(scene.build.stage("load-test") / "verdict.json", target="image", image="sha256:" + "f" * 64)
