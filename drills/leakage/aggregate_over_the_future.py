"""The source has each carrier's share of late flights on that day from that airport, later flights included."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_share(table: pd.DataFrame) -> pd.DataFrame:
    """What the day's last flight knows, in every row of the day."""
    late = table["late"].astype(float)
    day = pd.to_datetime(table["scheduled_at"]).dt.date
    return table.assign(share_today=late.groupby([day, table["origin"], table["carrier"]]).transform("mean"))


@drill("evaluate", FINDING, r"^Challenger rejected \((plausible gain|single feature)\): .*share_today")
def plant(scene: Scene) -> None:
    scene.source(with_share)
    scene.run("data", "train")
