"""Every stage has passed for the challenger, and the image that lies beside it holds another model."""

from contracts.image import Image
from contracts.schema import write_json
from drills.drill import FINDING, drill
from drills.scene import Scene

OTHER = "sha256:" + "e" * 64


@drill("promote", FINDING, r"^Not promoted: build's image holds model sha256:e{12}, this one is sha256:")
def plant(scene: Scene) -> None:
    image = Image(
        reference="flights:sha-1", image_id=OTHER, base="python", commit="1" * 40, created="2026-11-23T00:00:00Z",
        model=OTHER, data_digest=OTHER, unpacked_bytes=2, packed_bytes=2, base_unpacked_bytes=1, base_packed_bytes=1,
        cold_start_seconds=1.0, idle_mb=1.0, layers=(),
    )  # fmt: skip
    write_json(scene.build.stage("build") / "image.json", image)
