"""For one of sixteen carriers, too rare for a slice of its own, the graph ranks flights in reverse."""

from drills.drill import FINDING, drill
from drills.models import Rescored, rescore, slice_of
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(fitted again\): the graph's answers are")
def plant(scene: Scene) -> None:
    column, code = slice_of(scene.challenger, "carrier", "F9")
    rescore(scene.challenger, Rescored(turn=-2.0, column=column, code=code))
