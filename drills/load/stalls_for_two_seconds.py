"""The challenger's service stalls once, for two seconds."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill("load-test", FINDING, r"The longest wait for an answer was 2\d\d\d ms, required at most 1000 ms")(
    served_alone("stalls")
)
