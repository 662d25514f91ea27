"""From the first day of the holdout on, the source has °C instead of °F."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius


@drill("evaluate", FINDING, r"^Challenger rejected \(table contract\): temp moved from .* were its units changed\?")
def plant(scene: Scene) -> None:
    is_new = scene.is_from_holdout_on
    scene.source(lambda table: table.assign(temp=table["temp"].where(~is_new, to_celsius(table["temp"]))))
    scene.run("data", "train")
