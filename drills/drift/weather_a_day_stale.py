"""Every request has the weather of the day before: no column has moved, and the labels show what it did."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.traffic import WEATHER, serve
from training.tables import load_table


@drill("drift", FINDING, r"Performance became worse")
def plant(scene: Scene) -> None:
    rows = load_table(scene.build, "replay").frame
    hours = rows.assign(hour=rows["scheduled_at"].dt.floor("h"))
    seen = hours.groupby(["origin", "hour"], as_index=False)[WEATHER].first()
    later = seen.assign(hour=seen["hour"] + pd.Timedelta(days=1))
    stale = hours.drop(columns=WEATHER).merge(later, on=["origin", "hour"])
    serve(scene, stale.drop(columns="hour"), labels=True)
