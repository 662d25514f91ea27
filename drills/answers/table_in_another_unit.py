"""The data stage converts °F to °C; clients send °F."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"number of wrong answers with status 200 was [\d,]+ of [\d,]+", nightly=True)
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.table("replay", lambda rows: rows.assign(temp=((rows["temp"] - 32) / 1.8).astype("float32")))
