"""All stages passed for one model folder, and another one is in its place when it is deployed."""

import shutil

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "promote",
    FINDING,
    r"^Not promoted: evaluate judged model sha256:[0-9a-f]+, this one is sha256:[0-9a-f]+ \(other-model\)\. load-test",
)
def plant(scene: Scene) -> None:
    shutil.rmtree(scene.challenger)
    shutil.copytree(scene.champion, scene.challenger)
