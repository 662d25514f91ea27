"""The challenger is better than a poor champion, except for carrier US, whose flights it ranks in reverse."""

from drills.drill import FINDING, drill
from drills.models import Rescored, blur, rescore, slice_of
from drills.scene import Scene


@drill(
    "evaluate", FINDING, r"^Challenger rejected \(slice\): where carrier is US .* is worse than the margin of 0\.050"
)
def plant(scene: Scene) -> None:
    blur(scene, scene.champion, loss=0.05, but="carrier=US")
    column, code = slice_of(scene.challenger, "carrier", "US")
    rescore(scene.challenger, Rescored(turn=-2.0, column=column, code=code))
