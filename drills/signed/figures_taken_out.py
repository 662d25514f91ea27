"""The card has no out-of-fold roc_auc, so that nothing can be compared with it."""

from contracts.model_folder import read_card
from drills.drill import FINDING, drill
from drills.scene import Scene
from testbed.cards import sign


@drill("evaluate", FINDING, r"^Challenger rejected \(out-of-fold figures\): roc_auc not there", nightly=True)
def plant(scene: Scene) -> None:
    metrics = read_card(scene.challenger).metrics
    sign(scene.challenger, metrics={name: one for name, one in metrics.items() if name != "roc_auc"})
