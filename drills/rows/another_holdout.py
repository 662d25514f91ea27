"""After the data stage, one holdout label in twenty is flipped, and data.json does not say so."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(holdout table\): its rows are not those that data\.json describes")
def plant(scene: Scene) -> None:
    flipped = {"true": "false", "false": "true"}
    scene.table(
        "holdout",
        lambda rows: rows.assign(late=rows["late"].where(rows.index % 20 > 0, rows["late"].map(flipped))),
        described=False,
    )
