"""Single rows are answered correctly; a batch does not know the last category of each column."""

from drills.answers import served_briefly
from drills.drill import FINDING, drill

plant = drill(
    "load-test",
    FINDING,
    r"number of faults of all routes, .* was [\d,]+ of [\d,]+; \d+ × /(predict/batch|v2)",
    nightly=True,
)(served_briefly("forgets_a_category"))
