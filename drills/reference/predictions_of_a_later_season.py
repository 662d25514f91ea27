"""The predictions in reference.parquet are lower than those out of fold, as in autumn: no drift is seen."""

from drills.drill import FINDING, drill
from drills.resigned import replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference predictions\): \d+\.\d % of their spread", nightly=True)
def plant(scene: Scene) -> None:
    replace_reference(scene, lambda reference: reference.assign(prediction=0.9 * reference["prediction"]))
