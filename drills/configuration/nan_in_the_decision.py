"""The decision has NaN as the difference between challenger and champion."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("promote", USAGE, r"decision\.json is not what `make evaluate` writes: comparisons\.0\.difference\.value")
def plant(scene: Scene) -> None:
    decision = scene.build.stage("evaluate") / "decision.json"
    scene.edit(decision, r'("difference": \{\s*"value": )-?[\d.e-]+', r"\1NaN")
