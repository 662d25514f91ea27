"""3,000 train rows are in the source again, with a time in the holdout."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(shared rows\): \d+\.\d % of the holdout rows also stand in train")
def plant(scene: Scene) -> None:
    moved = pd.Timestamp(scene.manifest.as_of) - pd.Timedelta(days=10)
    scene.source(lambda table: pd.concat([table, table.iloc[:3000].assign(scheduled_at=moved)], ignore_index=True))
    scene.run("data", "train")
