"""The holdout table has no rows, and data.json says so."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(holdout table\): 0 rows; required: at least 5,000 rows")
def plant(scene: Scene) -> None:
    scene.table("holdout", lambda holdout: holdout.iloc[:0])
