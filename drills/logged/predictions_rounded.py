"""The log has probabilities in whole tenths, as a form with one decimal would."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS, logged_otherwise

plant = drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)(logged_otherwise(lambda said: said.round(1)))
