"""The card says that the export was proved on 100 rows of the holdout, which has thousands."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(export parity\): .* on all [\d,]+ holdout",
    nightly=True,
)
def plant(scene: Scene) -> None:
    proof = read_card(scene.challenger).proof
    sign(scene.challenger, proof=proof.model_copy(update={"rows": 100}))
