"""The challenger comes from a chain whose as_of is 30 days later, so it was trained on the holdout."""

import datetime as dt

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(training data\)", nightly=True)
def plant(scene: Scene) -> None:
    today = scene.manifest.as_of
    scene.set("data.as_of", dt.date.fromisoformat(today) + dt.timedelta(days=30))
    scene.run("data", "train")
    later = scene.challenger.rename(scene.root / "later")
    scene.set("data.as_of", dt.date.fromisoformat(today))
    scene.run("data")
    later.rename(scene.challenger)
