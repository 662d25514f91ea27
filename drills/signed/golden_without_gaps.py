"""No golden row has a missing value or an unknown category: a runtime that confuses them would be ready."""

from drills.drill import FINDING, drill
from drills.model_evidence import replace_golden
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(golden rows\): .* none tries .* missing or unknown")
def plant(scene: Scene) -> None:
    replace_golden(scene, lambda rows: [row for row in rows[::2] for _ in range(2)])
