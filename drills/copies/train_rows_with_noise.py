"""3,000 train rows are in the source again, in the holdout, with noise of a thousandth of the standard deviations."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene

MEASURED = ("temp", "dewp", "humid", "wind_speed", "pressure")


def with_noise(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as another sensor would have measured them."""
    random = np.random.default_rng(7)
    moved = {name: rows[name] + 0.001 * rows[name].std() * random.normal(size=len(rows)) for name in MEASURED}
    return rows.assign(**moved)


@drill("evaluate", FINDING, r"^Challenger rejected \(near duplicates\): \d+\.\d % of the holdout rows are almost rows")
def plant(scene: Scene) -> None:
    moved = pd.Timestamp(scene.manifest.as_of) - pd.Timedelta(days=10)
    scene.source(
        lambda table: pd.concat([table, with_noise(table.iloc[:3000]).assign(scheduled_at=moved)], ignore_index=True)
    )
    scene.run("data", "train")
