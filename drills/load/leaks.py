"""The challenger's service leaks 80 kB with every request."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill("load-test", FINDING, r"The growth of its memory under load was \d+\.\d MB .* required at most 32 MB")(
    served_alone("leaks")
)
