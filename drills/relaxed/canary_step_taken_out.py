"""The canary's step at 50 % is removed; the decision must say so in a line of its own."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"The gate asks less than before: deploy\.canary_percent\.50 is gone; it was listed when")
def plant(scene: Scene) -> None:
    scene.set("deploy.canary_percent", [10])
