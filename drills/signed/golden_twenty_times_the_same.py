"""golden.json has as many rows as before, and all are equal."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_golden
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(golden rows\): 20 rows, 1 of them", nightly=True)
def plant(scene: Scene) -> None:
    replace_golden(scene, lambda rows: rows[:1] * len(rows))
