"""The challenger's graph does a large matrix multiplication for every row, which changes no answer."""

from drills.drill import FINDING, drill
from drills.models import add_work, edit
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(time of one row\): .* required: .*gate\.max_row_us")
def plant(scene: Scene) -> None:
    edit(scene.challenger, add_work(width=800))
