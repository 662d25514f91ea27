"""The source has the share of late flights among the airport's next five, this one included: it looks ahead."""

import pandas as pd

from drills.drill import FINDING, drill
from drills.scene import Scene

AHEAD = 5


def with_share(table: pd.DataFrame) -> pd.DataFrame:
    """A window that was meant to look back."""
    late = table.sort_values("scheduled_at")["late"].astype(float).groupby(table["origin"])
    ahead = late.transform(lambda one: one[::-1].rolling(AHEAD, min_periods=1).mean()[::-1])
    return table.assign(late_ahead=ahead)


@drill("evaluate", FINDING, r"^Challenger rejected \((plausible gain|single feature)\): .*late_ahead", nightly=True)
def plant(scene: Scene) -> None:
    scene.source(with_share)
    scene.run("data", "train")
