"""golden.json holds as many rows as before, and all are the same one."""

from drills.drill import FINDING, drill
from drills.resigned import replace_golden
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(golden rows\): 20 rows, 1 of them", nightly=True)
def plant(scene: Scene) -> None:
    replace_golden(scene, lambda rows: rows[:1] * len(rows))
