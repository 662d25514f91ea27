"""data.as_of has moved by a day, and build/data is still that of the day before."""

import datetime as dt

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"^pipeline\.toml has data\.as_of = '2013-10-02', and build/data was made for '2013-10-01'")
def plant(scene: Scene) -> None:
    scene.set("data.as_of", dt.date(2013, 10, 2))
