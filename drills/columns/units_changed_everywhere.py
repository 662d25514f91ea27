"""The source has °C in all rows, also in those that the champion was trained on in °F."""

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
