"""The service takes each date in a request for one an hour later; its golden rows are right."""

from drills.answers import OTHER_FEATURES, served_briefly
from drills.drill import FINDING, drill
from drills.model_evidence import train_with_dates
from drills.scene import Scene


# The model hardly needs the hour, because it has the minute of the day: the log shows the fault, and no answer does.
@drill("load-test", FINDING, OTHER_FEATURES, nightly=True)
def plant(scene: Scene) -> None:
    train_with_dates(scene)
    served_briefly("reads_dates_an_hour_late")(scene)
