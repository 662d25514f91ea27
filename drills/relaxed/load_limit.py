"""The load test allows a p99 of two seconds; the decision must say so in a line of its own."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"The gate asks less than before: load\.max_p99_ms is 2000; it was 200 when")
def plant(scene: Scene) -> None:
    scene.set("load.max_p99_ms", 2000.0)
