"""The challenger's service uses 50 % more CPU time for each request than the champion's."""

from drills.drill import FINDING, drill
from drills.load import beside_the_champion

plant = drill(
    "load-test", FINDING, r"The (CPU time of a request|p50 latency), challenger over champion, was 1\.[2-8]\d"
)(beside_the_champion("slower_by_a_half", 20.0))
