"""The labels of one carrier are drawn at random, half of them late."""

import numpy as np
import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import rows_like_training, serve


@drill("drift", FINDING, r"Labels went wrong in a slice, compared with all other rows: carrier AA", nightly=True)
def plant(scene: Scene) -> None:
    rows = rows_like_training(scene, 20_000)
    lot = pd.Series(np.random.default_rng(1).choice(["true", "false"], len(rows)))
    serve(scene, rows.assign(late=rows["late"].mask(rows["carrier"] == "AA", lot)), labels=True)
