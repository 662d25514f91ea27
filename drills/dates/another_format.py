"""The card says that a date comes as day/month/year; training read it as in ISO 8601."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_dates, train_with_dates
from drills.scene import Scene

REASON = r"^Challenger rejected \(challenger\): it cannot be scored: golden row \d+ has no date in scheduled_at"


@drill("evaluate", FINDING, REASON, nightly=True)
def plant(scene: Scene) -> None:
    train_with_dates(scene)
    replace_dates(scene, lambda dates: [one.model_copy(update={"format": "%d/%m/%Y %H:%M"}) for one in dates])
