"""The challenger's service keeps 2 kB for every distinct row: a cache without a limit."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill(
    "load-test", FINDING, r"memory kept of each request, growing all the time, was [\d,]+ bytes", nightly=True
)(served_alone("remembers_rows"))
