"""After data.sha256 was set to the source's digest, one value of the source changes."""

from contracts.model_folder import sha256_of
from drills.drill import FINDING, drill
from drills.scene import SOURCE, Scene


@drill(
    "data", FINDING, r"has sha256 [0-9a-f]{64}, data\.sha256 in pipeline\.toml says [0-9a-f]{64}: the data has changed"
)
def plant(scene: Scene) -> None:
    scene.set("data.sha256", sha256_of(scene.root / SOURCE))
    scene.source(lambda table: table.assign(distance=table["distance"].mask(table.index == 7, 1.0)))
