"""The challenger's service uses a fifth more CPU seconds for each request than the champion's."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


# Nightly: on a machine whose neighbours are busy it needs a minute of load, docs/load.md tells how often 42 s suffice.
@drill(
    "load-test",
    FINDING,
    r"The (CPU time of a request|p50 latency), challenger over champion, was 1\.[1-3]\d",
    nightly=True,
)
def plant(scene: Scene) -> None:
    scene.prepare("load.seconds", 60.0)
    scene.environment.update(serves_with("slower_by_a_fifth"))
