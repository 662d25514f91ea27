"""The log has each class's probability under the other class."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS, logged_otherwise

plant = drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)(logged_otherwise(lambda said: said[:, ::-1]))
