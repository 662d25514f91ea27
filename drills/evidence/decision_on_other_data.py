"""The decision is about another holdout than the one in build/."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "promote", FINDING, r"^Not promoted: evaluate speaks of data sha256:e{12}, the model was trained on .*other-data"
)
def plant(scene: Scene) -> None:
    scene.edit_json(scene.build.stage("evaluate") / "decision.json", data_digest="sha256:" + "e" * 64)
