"""The card no longer says that features are made of a date."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_dates, train_with_dates
from drills.scene import Scene

REASON = r"^Challenger rejected \(challenger\): it cannot be scored: golden row \d+ has no value for 'scheduled_at_"


@drill("evaluate", FINDING, REASON, nightly=True)
def plant(scene: Scene) -> None:
    train_with_dates(scene)
    replace_dates(scene, lambda _: [])
