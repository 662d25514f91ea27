"""No golden row has a value missing or a category unknown any more: a runtime that confuses them passes."""

from drills.drill import FINDING, drill
from drills.resigned import replace_golden
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(golden rows\): .* none tries .* missing or unknown")
def plant(scene: Scene) -> None:
    replace_golden(scene, lambda rows: [row for row in rows[::2] for _ in range(2)])
