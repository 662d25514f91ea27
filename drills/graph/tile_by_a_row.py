"""The challenger's graph repeats a number as often as the largest number of a row says; golden rows agree."""

from drills.drill import FINDING, drill
from drills.models import add_work_by_a_row, edit
from drills.scene import Scene


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(challenger\): it cannot be scored: .*has a Tile whose size follows",
    nightly=True,
)
def plant(scene: Scene) -> None:
    edit(
        scene.challenger,
        add_work_by_a_row(("Tile", ["drill_ones", "drill_counts"], "drill_ballast", {})),
        keeps_golden=True,
    )
