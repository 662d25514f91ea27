"""The card takes the weekday of a date for its hour and the hour for its weekday; golden rows agree."""

from drills.drill import FINDING, drill
from drills.model_evidence import answer_golden, replace_dates, train_with_dates
from drills.scene import Scene

REASON = r"^Challenger rejected \(description of the data\): model\.json has another description of scheduled_at"


@drill("evaluate", FINDING, REASON, nightly=True)
def plant(scene: Scene) -> None:
    train_with_dates(scene)
    (date,) = scene.manifest.dates
    exchanged = dict(zip(date.parts, reversed(date.parts.values()), strict=True))
    replace_dates(scene, lambda _: [date.model_copy(update={"parts": exchanged})])
    answer_golden(scene)
