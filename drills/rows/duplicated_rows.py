"""One row in ten is in the source twice, as if it had been loaded again."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("data", FINDING, r"^9\.\d % of the [\d,]+ rows repeat an earlier one in every column")
def plant(scene: Scene) -> None:
    scene.source(lambda table: pd.concat([table, table.iloc[::10]], ignore_index=True))
