"""The challenger gives every row the same probability."""

from drills.drill import FINDING, drill
from drills.models import Rescored, rescore
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(varied predictions\): the same prediction for every row")
def plant(scene: Scene) -> None:
    rescore(scene.challenger, Rescored(slope=0.0, offset=-1.5))
