"""The margin is NaN, which no difference exceeds."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"pipeline\.toml:\d+: gate\.margin is nan; required: ")
def plant(scene: Scene) -> None:
    scene.edit(scene.config, r"(?m)^margin = 0\.01$", "margin = nan")
