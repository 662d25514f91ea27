"""The source now has °C in all its rows, those too on which the champion was trained with °F."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(champion's table contract\): temp is outside .* units changed\?",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.source(lambda table: table.assign(temp=to_celsius(table["temp"])))
    scene.run("data", "train")
