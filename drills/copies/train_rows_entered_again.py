"""3,000 train flights were entered again, a few minutes later, on days of the holdout."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(near duplicates\): \d+\.\d % of the holdout", nightly=True)
def plant(scene: Scene) -> None:
    random = np.random.default_rng(7)
    as_of = pd.Timestamp(scene.manifest.as_of)

    def again(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.iloc[:3000]
        days = pd.to_timedelta(random.integers(1, 29, len(rows)), unit="D")
        later = rows.assign(minute_of_day=rows["minute_of_day"] + 5, scheduled_at=as_of - days)
        return pd.concat([table, later], ignore_index=True)

    scene.source(again)
    scene.run("data", "train")
