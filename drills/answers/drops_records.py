"""One answer in a hundred has no record in the request log."""

from drills.answers import served_briefly
from drills.drill import FINDING, drill

plant = drill(
    "load-test", FINDING, r"number of faults of the request log was [\d,]+; [\d,]+ × answers without a record"
)(served_briefly("drops_records"))
