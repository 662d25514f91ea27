"""The challenger's graph contains 60 MB of unused numbers."""

from drills.drill import FINDING, drill
from drills.models import add_weight, edit
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(model size\): .* required: .*gate\.max_model_mb")
def plant(scene: Scene) -> None:
    edit(scene.challenger, add_weight(megabytes=60))
