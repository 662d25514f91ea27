"""Carriers are no longer judged as slices; the decision must say so in a line of its own."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("evaluate", PASS, r"The gate asks less than before: gate\.slices\.carrier is gone; it was judged")
def plant(scene: Scene) -> None:
    scene.set("gate.slices", ["origin"])
