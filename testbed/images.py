"""An image.json as `make build` writes it."""

from typing import Any

from contracts.image import Image

IMAGE_ID = "sha256:" + "1" * 64


def image(**changes: Any) -> Image:
    """The image of a model that the test names."""
    return Image(
        reference="flights:sha-0",
        image_id=IMAGE_ID,
        base="python:3.13-slim-trixie",
        commit="0" * 40,
        created="2026-11-23T00:00:00Z",
        model="sha256:" + "a" * 64,
        data_digest="sha256:" + "d" * 64,
        settings="sha256:" + "5" * 64,
        unpacked_bytes=1,
        packed_bytes=1,
        base_unpacked_bytes=1,
        base_packed_bytes=1,
        cold_start_seconds=0.5,
        idle_mb=90,
        layers=(),
    ).model_copy(update=changes)
