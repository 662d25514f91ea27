"""The load test loaded another model than the one that the gate promoted."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: load-test judged model sha256:e{12}, this one is")
def plant(scene: Scene) -> None:
    scene.edit_json(scene.build.stage("load-test") / "verdict.json", model="sha256:" + "e" * 64)
