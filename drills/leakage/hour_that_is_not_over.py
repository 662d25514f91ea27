"""The source has the share of late flights of that hour and airport, counted after the hour."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene


def with_share(table: pd.DataFrame) -> pd.DataFrame:
    """Every flight of the hour counts, its own answer too."""
    hour = pd.to_datetime(table["scheduled_at"]).dt.floor("h")
    return table.assign(late_this_hour=table["late"].astype(float).groupby([hour, table["origin"]]).transform("mean"))


@drill("evaluate", FINDING, r"^Challenger rejected \((plausible gain|single feature)\): .*late_this_hour", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_share)
    scene.run("data", "train")
