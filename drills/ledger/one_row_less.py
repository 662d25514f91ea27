"""Four hundred challengers were judged on this holdout with one row more: another digest is no other holdout."""

from drills.drill import FINDING, drill
from drills.ledgers import A_LITTLE, holdout_of, lay_tries
from drills.models import blur
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected: .* (inconclusive|worse than the margin|cannot be told)")
def plant(scene: Scene) -> None:
    blur(scene, scene.challenger, loss=A_LITTLE)
    frame = holdout_of(scene)
    lay_tries(scene, frame.iloc[[0, *range(len(frame))]])
