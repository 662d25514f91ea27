"""The weather is joined a day late: no column moves, but labels follow the next day's predictions."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene
from drills.served_requests import WEATHER, serve
from training.tables import load_table


@drill("drift", FINDING, r"Inputs look a day late: .* check the join that brings the inputs")
def plant(scene: Scene) -> None:
    rows = load_table(scene.build, "replay").frame.sort_values("scheduled_at", ignore_index=True)
    seen = rows[["scheduled_at", "origin", *WEATHER]].drop_duplicates(["scheduled_at", "origin"])
    late = pd.merge_asof(
        rows.drop(columns=WEATHER), seen.assign(scheduled_at=seen["scheduled_at"] + pd.Timedelta(days=1)),
        on="scheduled_at", by="origin",
    )  # fmt: skip
    has_a_day_before = late["scheduled_at"] >= rows["scheduled_at"].min().normalize() + pd.Timedelta(days=1)
    serve(scene, late[has_a_day_before].reset_index(drop=True)[list(rows.columns)], labels=True)
