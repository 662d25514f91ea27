"""reference.parquet has its first 1,000 rows only, so few that drift finds almost nothing significant."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference rows\): of 1,000 rows in", nightly=True)
def plant(scene: Scene) -> None:
    replace_reference(scene, lambda reference: reference.iloc[:1000])
