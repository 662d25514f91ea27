"""The data stage writes a column in lower case; clients send it as the source has it."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"number of wrong answers with status 200 was [\d,]+ of [\d,]+", nightly=True)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.table("replay", lambda rows: rows.assign(origin=rows["origin"].str.lower()))
