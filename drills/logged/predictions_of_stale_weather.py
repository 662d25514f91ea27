"""The model was asked with another row's weather than the log has."""

from drills.drill import FINDING, drill
from drills.logged import OTHER_PREDICTIONS, scored_otherwise
from drills.served_requests import with_weather_of_other_rows

plant = drill("drift", FINDING, OTHER_PREDICTIONS, nightly=True)(scored_otherwise(with_weather_of_other_rows))
