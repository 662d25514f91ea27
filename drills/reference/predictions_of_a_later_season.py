"""The predictions in reference.parquet are lower than the out-of-fold ones, as in autumn, which hides drift."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference predictions\): \d+\.\d % of their spread", nightly=True)
def plant(scene: Scene) -> None:
    replace_reference(scene, lambda reference: reference.assign(prediction=0.9 * reference["prediction"]))
