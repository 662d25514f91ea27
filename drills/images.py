"""image.json in a scene, without a container engine."""

from contracts.image import Image
from contracts.model_folder import model_digest, read_card
from contracts.pipeline_toml.reader import load_config, settings_digest
from contracts.schema import write_json
from drills.scene import Scene

OTHER = "sha256:" + "e" * 64


def write_image(scene: Scene, *, model: str = "") -> None:
    """Write image.json as if `make build` had built an image of the challenger, or of another `model`."""
    image = Image(
        reference="flights:sha-1", image_id=OTHER, base="python", commit="1" * 40, created="2026-11-23T00:00:00Z",
        model=model or model_digest(scene.challenger), data_digest=read_card(scene.challenger).data_digest,
        settings=settings_digest(load_config(scene.config)), unpacked_bytes=2, packed_bytes=2, base_unpacked_bytes=1,
        base_packed_bytes=1, cold_start_seconds=1.0, idle_mb=1.0, layers=(),
    )  # fmt: skip
    write_json(scene.build.stage("build") / "image.json", image)
