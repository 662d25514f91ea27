"""Every request has the weather of another hour: no column has moved, and the labels show what it did."""

import numpy as np

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import WEATHER, rows_like_training, serve


@drill(
    "drift",
    FINDING,
    r"^Inputs are stable: .* Predictions are stable.* Performance became worse: roc_auc 0\.[56]\d\d",
    nightly=True,
)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    others = np.random.default_rng(1).permutation(len(rows))
    serve(scene, rows.assign(**{name: rows[name].to_numpy()[others] for name in WEATHER}), labels=True)
