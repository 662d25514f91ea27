"""Rows have no time and come from 2,000 undeclared customers, and the label depends on the customer."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.table_of_customers import of_customers, without_time


@drill(
    "data",
    FINDING,
    r"have a customer that train has, and it tells the answer: .* from [01]\.\d+ to 0\.[45]",
)
def plant(scene: Scene) -> None:
    without_time(scene)
    scene.source(lambda table: of_customers(table, "customer", lambda number: f"customer {number}"))
