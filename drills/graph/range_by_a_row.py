"""The challenger's graph counts up to the largest number of a row; golden rows agree."""

from drills.drill import FINDING, drill
from drills.models import add_work_by_a_row, edit
from drills.scene import Scene


@drill(
    "evaluate",
    FINDING,
    r"^Challenger rejected \(challenger\): it cannot be scored: .*has a Range whose size follows",
)
def plant(scene: Scene) -> None:
    edit(
        scene.challenger,
        add_work_by_a_row(("Range", ["drill_begin", "drill_number", "drill_one"], "drill_ballast", {})),
        keeps_golden=True,
    )
