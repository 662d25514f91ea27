"""pipeline.toml lists the features, and the source has one of them under another name."""

from drills.drill import USAGE, drill
from drills.scene import Scene


@drill(
    "data", USAGE, r"^features\.include names 'wind_speed', which the table does not have\. Did you mean wind_speeds"
)
def plant(scene: Scene) -> None:
    scene.set("features.include", [feature.name for feature in scene.manifest.features])
    scene.set("features.exclude", [])
    scene.source(lambda table: table.rename(columns={"wind_speed": "wind_speeds"}))
