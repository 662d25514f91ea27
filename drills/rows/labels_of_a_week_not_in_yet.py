"""The labels of the holdout's last week have not arrived, and read false."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(labels by week\): late true 0\.0% in the week from")
def plant(scene: Scene) -> None:
    rows = scene.is_from(days_before_as_of=9)
    scene.source(lambda table: table.assign(late=table["late"] & ~rows))
    scene.run("data", "train")
