"""The challenger's graph carries 60 MB of numbers that it does not need."""

from drills.drill import FINDING, drill
from drills.models import add_weight, edit
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(model size\): .* required: .*gate\.max_model_mb")
def plant(scene: Scene) -> None:
    edit(scene.challenger, add_weight(megabytes=60))
