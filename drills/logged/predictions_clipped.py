"""The log has probabilities of at least 0.1 and at most 0.9, whatever the model said."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS, logged_otherwise

plant = drill("drift", FINDING, OTHER_PREDICTIONS)(logged_otherwise(lambda said: said.clip(0.1, 0.9)))
