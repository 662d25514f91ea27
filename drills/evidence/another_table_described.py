"""data.json describes another holdout table, under the digest that every verdict has."""

from contracts.data_manifest import Table
from contracts.schema import write_json
from drills.drill import FINDING, drill
from drills.scene import Scene


@drill(
    "promote", FINDING, r"^Not promoted: data speaks of data sha256:[0-9a-f]+, the model was trained on .*other-data"
)
def plant(scene: Scene) -> None:
    manifest = scene.manifest
    tables = manifest.tables | {"holdout": Table(rows=1, digest="e" * 64)}
    write_json(scene.build.stage("data") / "data.json", manifest.model_copy(update={"tables": tables}))
