"""The load test was never run for this build."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("promote", USAGE, r"load-test/stage\.json is not there\. Run `make load-test` first")
def plant(scene: Scene) -> None:
    (scene.build.stage("load-test") / "stage.json").unlink()
