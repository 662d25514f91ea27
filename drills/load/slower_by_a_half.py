"""The challenger's service uses half as much CPU again for each request as the champion's."""

from drills.drill import FINDING, drill
from drills.load import serves_with
from drills.scene import Scene


@drill("load-test", FINDING, r"The (CPU time of a request|p50 latency), challenger over champion, was 1\.[2-8]\d")
def plant(scene: Scene) -> None:
    scene.prepare("load.seconds", 20.0)
    scene.environment.update(serves_with("slower_by_a_half"))
