"""Between the stages, rows of the replay table change places in one column; data.json does not know."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"replay\.parquet is not the table that data\.json describes")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.table(
        "replay", lambda rows: rows.assign(temp=rows["temp"].sample(frac=1, random_state=1).to_numpy()), described=False
    )
