"""gate.metric is roc_acu, which is not a metric."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"pipeline\.toml:\d+: gate\.metric: 'roc_acu' is no metric of a binary task")
def plant(scene: Scene) -> None:
    scene.set("gate.metric", "roc_acu")
