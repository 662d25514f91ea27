"""Rows come from 2,000 undeclared customers, a number named like an identifier; one label in ten is flipped."""

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.table_of_customers import of_customers, without_time


@drill("data", FINDING, r"have a customer_id that train has, and it tells the answer", nightly=True)
def plant(scene: Scene) -> None:
    without_time(scene)
    scene.source(lambda table: of_customers(table, "customer_id", int, noise=0.1))
