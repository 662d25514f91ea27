"""The predictions in reference.parquet are the final model's, which was fitted on these rows and is overconfident."""

from drills.drill import FINDING, drill
from drills.model_evidence import predicted_by_model, replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference predictions\): \d+\.\d % of their spread")
def plant(scene: Scene) -> None:
    replace_reference(scene, lambda reference: reference.assign(prediction=predicted_by_model(scene, reference)))
