"""Control: the challenger's graph widens a number to as many as a batch has rows, which is bounded; it must pass."""

from drills.drill import PASS, drill
from drills.models import add_work_by_a_row, edit
from drills.scene import Scene
from scoring.scorer import INPUT_NAME


@drill("evaluate", PASS, r"^Challenger promoted: ")
def plant(scene: Scene) -> None:
    edit(
        scene.challenger,
        add_work_by_a_row(
            ("Shape", [INPUT_NAME], "drill_shape", {}),
            ("Gather", ["drill_shape", "drill_row"], "drill_rows", {}),
            ("Expand", ["drill_ones", "drill_rows"], "drill_ballast", {}),
        ),
        keeps_golden=True,
    )
