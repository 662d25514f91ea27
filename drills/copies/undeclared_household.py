"""Rows come from 2,000 undeclared households; their column is excluded, and their values differ from row to row."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.table_of_customers import of_customers, without_time


@drill("data", FINDING, r"have a household that train has, and it tells the answer", nightly=True)
def plant(scene: Scene) -> None:
    without_time(scene)
    scene.prepare("features.exclude", ["month", "household"])
    scene.source(lambda table: of_customers(table, "household", lambda number: f"h{number}", jitter=0.02))
