"""In the last seven days of the holdout, the source has °C instead of °F."""

from drills.drill import FINDING, drill
from drills.scene import Scene, to_celsius


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(table contract\): temp moved from .* on 2013-09-24",
    nightly=True,
)
def plant(scene: Scene) -> None:
    is_new = scene.is_from(days_before_as_of=7)
    scene.source(lambda table: table.assign(temp=table["temp"].where(~is_new, to_celsius(table["temp"]))))
    scene.run("data", "train")
