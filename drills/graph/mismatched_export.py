"""After the proof, the graph is replaced by one that answers a little higher, and the folder is signed again."""

from drills.drill import FINDING, drill
from drills.models import Rescored, edit, rescoring
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(challenger\): it cannot be scored: golden row \d+ gives")
def plant(scene: Scene) -> None:
    edit(scene.challenger, rescoring(Rescored(offset=0.01)), keeps_golden=True)
