"""Control: requests are one month of training, in another season; no column is further off than in its past."""

import pandas as pd

from drills.drill import PASS, drill
from drills.scene import Scene
from drills.served_requests import rows_of, serve


@drill("drift", PASS, r"^Inputs are stable: 0 of \d+ columns")
def plant(scene: Scene) -> None:
    rows = rows_of(scene, "train", 40_000)
    in_may = rows["scheduled_at"].between(pd.Timestamp("2013-05-01"), pd.Timestamp("2013-05-31"))
    serve(scene, rows[in_may].reset_index(drop=True), labels=False)
