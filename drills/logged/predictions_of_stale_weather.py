"""The model was asked with the weather of another row than the log has."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import WEATHER, rows_like_training, serve


@drill(
    "drift",
    FINDING,
    r"Predictions do not follow from the logged features: of [\d,]+ rows, scored again, [\d,]+ get another one",
    nightly=True,
)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 3000)
    others = np.random.default_rng(1).permutation(len(rows))
    serve(scene, rows, labels=False, scored=rows.assign(**{name: rows[name].to_numpy()[others] for name in WEATHER}))
