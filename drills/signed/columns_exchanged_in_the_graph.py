"""The graph reads dewp where humid is and humid where dewp is; the golden rows say so too."""

from drills.drill import FINDING, drill
from drills.models import edit
from drills.resigned import exchange
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted again\): the graph's answers are \d+\.\d % of their spread")
def plant(scene: Scene) -> None:
    edit(scene.challenger, exchange(scene.challenger, "dewp", "humid"))
