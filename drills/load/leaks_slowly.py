"""The challenger's service leaks 2 kB with every request: 8 MB in the test, and all of its memory after an hour."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill("load-test", FINDING, r"memory kept of each request, growing all the time, was [\d,]+ bytes")(
    served_alone("leaks_slowly")
)
