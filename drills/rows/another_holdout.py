"""Between the stages, one label in twenty of the holdout is turned, and data.json does not know."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(holdout table\): its rows are not those that data\.json describes")
def plant(scene: Scene) -> None:
    turned = {"true": "false", "false": "true"}
    scene.table(
        "holdout",
        lambda rows: rows.assign(late=rows["late"].where(rows.index % 20 > 0, rows["late"].map(turned))),
        described=False,
    )
