"""The challenger's service uses 20 % more CPU time for each request than the champion's."""

from drills.drill import FINDING, drill
from drills.load import beside_the_champion

# Nightly: on a machine whose neighbours are busy it needs a minute of load, docs/load.md tells how often 42 s suffice.
plant = drill(
    "load-test",
    FINDING,
    r"The (CPU time of a request|p50 latency), challenger over champion, was 1\.[1-3]\d",
    nightly=True,
)(beside_the_champion("slower_by_a_fifth", 60.0))
