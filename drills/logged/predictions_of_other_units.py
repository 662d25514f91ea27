"""The model was asked in °C, and the log has °F: a converter stands before the model, and none before the log."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS, scored_otherwise
from drills.scene import to_celsius

plant = drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)(
    scored_otherwise(lambda rows: rows.assign(temp=to_celsius(rows["temp"])))
)
