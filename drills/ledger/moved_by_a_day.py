"""Four hundred challengers were judged on a holdout that today's was moved from by a day, and count as on this one."""

from drills.drill import FINDING, drill
from drills.ledgers import A_LITTLE, holdout_of, lay_tries
from drills.models import blur
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: .* (inconclusive|worse than the margin|cannot be told)")
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=A_LITTLE)
    days = (frame := holdout_of(scene))[scene.manifest.time].dt.floor("D")
    lay_tries(scene, frame[days > days.min()])
