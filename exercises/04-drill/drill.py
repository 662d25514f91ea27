"""Write here in one sentence what is planted"""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("data", FINDING, r"^'late' has one class only, 'false'")
def plant(scene: Scene) -> None:
    """Change the scene: its source's table, its pipeline.toml, its model folder. drills/rows has examples."""
