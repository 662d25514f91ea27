"""The source no longer has `dewp`, which the champion reads; the challenger is trained without it."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "evaluate", FINDING, r"^Challenger rejected \(champion\): it cannot be scored: .* no column 'dewp'", nightly=True
)
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.drop(columns="dewp"))
    scene.run("data", "train")
