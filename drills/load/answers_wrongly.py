"""One answer in a hundred has status 200 and a wrong probability."""

from drills.drill import FINDING, drill
from drills.load import served_alone

plant = drill("load-test", FINDING, r"The number of wrong answers with status 200 was \d+ of")(served_alone("lies"))
