"""After the data stage, one column of the replay table is shuffled; data.json does not say so."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("load-test", FINDING, r"replay\.parquet is not the table that data\.json describes")
def plant(scene: Scene) -> None:
    scene.forget_champion()
    scene.table(
        "replay", lambda rows: rows.assign(temp=rows["temp"].sample(frac=1, random_state=1).to_numpy()), described=False
    )
