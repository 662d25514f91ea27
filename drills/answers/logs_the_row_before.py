"""In the request log, each id has the features of the previous row."""

from drills.answers import OTHER_FEATURES, served_briefly
from drills.drill import FINDING, drill

plant = drill("load-test", FINDING, OTHER_FEATURES, nightly=True)(served_briefly("logs_the_row_before"))
