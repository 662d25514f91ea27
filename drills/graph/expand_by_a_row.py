"""The challenger's graph widens a number to as many as the largest number of a row says; golden rows agree."""

from drills.drill import FINDING, drill
from drills.models import add_work_by_a_row, edit
from drills.scene import Scene


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(challenger\): it cannot be scored: .*has a Expand whose size follows",
    nightly=True,
)
def plant(scene: Scene) -> None:
    edit(
        scene.challenger,
        add_work_by_a_row(("Expand", ["drill_ones", "drill_counts"], "drill_ballast", {})),
        keeps_golden=True,
    )
