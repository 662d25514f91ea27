"""The decision names another commit than the model's."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: evaluate speaks of commit d{12}, the model is of")
def plant(scene: Scene) -> None:
    scene.edit_json(scene.build.stage("evaluate") / "decision.json", commit="d" * 40)
