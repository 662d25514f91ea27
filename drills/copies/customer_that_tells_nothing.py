"""Control: rows come from 2,000 undeclared customers, and the label does not depend on them; it must pass."""

from drills.drill import PASS, drill
from drills.scene import Scene
from drills.table_of_customers import of_customers, without_time


@drill("data", PASS, r"^train [\d,]+, holdout [\d,]+", nightly=True)
def plant(scene: Scene) -> None:
    without_time(scene)
    scene.source(lambda table: of_customers(table, "customer", lambda number: f"customer {number}", tells=False))
