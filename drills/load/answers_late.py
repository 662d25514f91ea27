"""The challenger's service delays every answer by two milliseconds, which costs no CPU."""

from drills.drill import FINDING, drill
from drills.load import beside_the_champion

plant = drill("load-test", FINDING, r"The p(50|95) latency, challenger over champion, was \d+\.\d\d")(
    beside_the_champion("answers_late", 8.0)
)
