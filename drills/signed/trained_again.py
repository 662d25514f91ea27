"""Control: the challenger is trained on the same rows again."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"^Challenger promoted", nightly=True)
def plant(scene: Scene) -> None:
    scene.run("train")
