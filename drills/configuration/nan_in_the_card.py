"""The challenger's card has NaN for its roc_auc."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(challenger\): .*model\.json is not a model card .*roc_auc\.value")
def plant(scene: Scene) -> None:
    scene.edit(scene.challenger / "model.json", r'("roc_auc": \{\s*"value": )[\d.]+', r"\1NaN")
