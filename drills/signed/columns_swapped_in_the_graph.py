"""The graph reads dewp as humid and humid as dewp; golden rows agree."""

from drills.drill import FINDING, drill
from drills.model_evidence import swap_columns
from drills.models import edit
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted again\): the graph's answers are \d+\.\d % of their spread")
def plant(scene: Scene) -> None:
    edit(scene.challenger, swap_columns(scene.challenger, "dewp", "humid"))
