"""golden.json has one row: a broken runtime that gets this one right would be ready."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_golden
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(golden rows\): 1 rows, ")
def plant(scene: Scene) -> None:
    replace_golden(scene, lambda rows: rows[:1])
