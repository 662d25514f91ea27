"""reference.parquet has rows of the replay with the model's own predictions, so nothing would drift."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.model_evidence import predicted_by_model, replace_reference
from drills.scene import Scene


@drill("evaluate", FINDING, r"^Challenger rejected \(reference rows\): of [\d,]+ rows in .*, 0 are those")
def plant(scene: Scene) -> None:
    def from_the_replay(reference: pd.DataFrame) -> pd.DataFrame:
        replay = pd.read_parquet(scene.build.stage("data") / "replay.parquet")
        rows = replay.sample(len(reference), random_state=1)[[one for one in reference if one in replay]]
        return rows.assign(prediction=predicted_by_model(scene, rows))

    replace_reference(scene, from_the_replay)
