"""What a registry answers, as far as it is used: manifests, indexes and configurations. The rest is ignored.

https://github.com/opencontainers/image-spec. A registry is another machine: what it answers is checked before use.
"""

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

DIGEST = r"sha256:[0-9a-f]{64}"


class Layer(BaseModel):
    """The part of a manifest's or an index's entry that is used here. `platform`: of an index."""

    digest: Annotated[str, Field(pattern=rf"^{DIGEST}$")]
    size: Annotated[int, Field(ge=0, le=10**15)] = 0
    platform: dict[str, object] | None = None


class Content(BaseModel):
    """A manifest, or an index with `manifests`."""

    manifests: tuple[Layer, ...] | None = None
    config: Layer | None = None
    layers: tuple[Layer, ...] = ()


class Settings(BaseModel):
    """The part of an image's configuration with its labels."""

    labels: dict[str, str] | None = Field(None, alias="Labels")


class Configuration(BaseModel):
    """An image's configuration."""

    os: str
    architecture: str
    config: Settings | None = None


def platform_of(entry: Layer) -> str:
    """The platform of an entry of an index, such as linux/amd64; empty if it has none."""
    said = entry.platform or {}
    return f"{said.get('os')}/{said.get('architecture')}" if said else ""


def first_error(error: ValidationError) -> str:
    """The first of what does not fit, and where it is."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
