"""3,000 train rows are in the source again, in the holdout, with numbers rounded to one decimal."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(near duplicates\): \d+\.\d % of the holdout", nightly=True)
def plant(scene: Scene) -> None:
    moved = pd.Timestamp(scene.manifest.as_of) - pd.Timedelta(days=10)
    scene.source(
        lambda table: pd.concat(
            [table, table.iloc[:3000].drop(columns="scheduled_at").round(1).assign(scheduled_at=moved)],
            ignore_index=True,
        )
    )
    scene.run("data", "train")
