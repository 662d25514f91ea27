"""One request in a hundred fails with status 500."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill("load-test", FINDING, r"The share of failed requests was (0\.9|1\.0)\d%")(served_alone("fails"))
