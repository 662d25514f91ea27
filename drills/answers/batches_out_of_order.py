"""Single rows are answered correctly; the answers of a batch are in another order than its rows."""

from drills.answers import served_briefly
from drills.drill import FINDING, drill

plant = drill(
    "load-test", FINDING, r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)"
)(served_briefly("turns_batches"))
