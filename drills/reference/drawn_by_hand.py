"""reference.parquet has train rows, but not those that the seed draws, and some of them twice."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.model_evidence import replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference rows\): of [\d,]+ rows in", nightly=True)
def plant(scene: Scene) -> None:
    def drawn(reference: pd.DataFrame) -> pd.DataFrame:
        rows: pd.DataFrame = reference.sample(len(reference), replace=True, random_state=1)
        return rows.sort_values("scheduled_at")

    replace_reference(scene, drawn)
