"""data.max_repeated_rows is relaxed for the data stage alone, and restored: same tables, another check."""

from drills.drill import FINDING, drill
from drills.scene import Scene


@drill("promote", FINDING, r"^Not promoted: data read other settings .* \(settings-changed\)\. Judge again")
def plant(scene: Scene) -> None:
    before = scene.config.read_bytes()
    scene.set("data.max_repeated_rows", 1.0)
    scene.run("data")
    scene.config.write_bytes(before)
