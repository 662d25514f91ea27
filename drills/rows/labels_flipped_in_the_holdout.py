"""From the first day of the holdout on, one label in ten is flipped: both models lose as much."""

from drills.drill import FINDING, drill
from drills.rows.labels_flipped import flipped
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(out of fold\): roc_auc 0\.[56]\d+ on the holdout")
def plant(scene: Scene) -> None:
    rows = scene.is_from_holdout_on
    scene.source(lambda table: flipped(table, rows))
    scene.run("data", "train")
