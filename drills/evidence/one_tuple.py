"""Control: all stages passed for one model, champion, data and pipeline.toml; it must be promoted."""

from drills.drill import PASS, drill
from drills.scene import Scene


@drill("promote", PASS, r"sha256:[0-9a-f]+ in place of sha256:[0-9a-f]+\.$")
def plant(scene: Scene) -> None:
    """Nothing."""
    del scene
