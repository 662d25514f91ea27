"""The count of evaluations on each holdout, evaluations.json, is cut off in the middle."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill("evaluate", USAGE, r"evaluations\.json cannot be trusted: ")
def plant(scene: Scene) -> None:
    scene.build.evaluations.write_text('{"format_version": 1, "holdouts": {"8f', encoding="utf-8")
