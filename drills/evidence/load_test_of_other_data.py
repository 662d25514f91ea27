"""The load test replayed rows of other data than the model was trained on."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "promote", FINDING, r"^Not promoted: load-test speaks of data sha256:e{12}, the model was trained on .*other-data"
)
def plant(scene: Scene) -> None:
    scene.edit_json(scene.build.stage("load-test") / "verdict.json", data_digest="sha256:" + "e" * 64)
