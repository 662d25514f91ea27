"""The champion is replaced while the gate compares with it, and put back afterwards."""

import shutil

from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill(
    "promote",
    FINDING,
    r"^Not promoted: evaluate compared with champion .* is the champion now \(champion-moved\)\. Judge again",
)
def plant(scene: Scene) -> None:
    kept = scene.root / "kept"
    shutil.copytree(scene.champion, kept)
    sign(scene.champion, estimator="a convenient one")
    scene.run("evaluate")
    shutil.rmtree(scene.champion)
    shutil.copytree(kept, scene.champion)
