"""From the first day of the holdout on, the source has `temp` under another name."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(table contract\): temp is missing in 100\.0 % of the rows")
def plant(scene: Scene) -> None:
    is_new = scene.is_from_holdout_on
    scene.source(lambda table: table.assign(temperature=table["temp"].where(is_new), temp=table["temp"].mask(is_new)))
    scene.run("data", "train")
