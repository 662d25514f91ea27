"""The source writes temperatures as text that is no number, 39.0F."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(champion\): it cannot be scored: .*'temp'")
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.assign(temp=table["temp"].map("{:.1f}F".format, na_action="ignore")))
    scene.run("data", "train")
