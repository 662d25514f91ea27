"""The challenger ranks as well as the champion, but its log-odds are 0.8 too high for every row."""

from drills.drill import FINDING, drill
from drills.models import Rescored, rescore
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(calibration\): calibration error 0\.\d+; required: at most 0\.080")
def plant(scene: Scene) -> None:
    rescore(scene.challenger, Rescored(offset=0.8))
