"""data.max_repeated_rows is relaxed for the data stage alone, and restored: the same tables, checked less strictly."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: data read other settings .* \(settings-changed\)\. Judge again")
def plant(scene: Scene) -> None:
    scene.run_with("data", "data.max_repeated_rows", 1.0)
