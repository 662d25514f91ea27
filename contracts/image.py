"""`build/image/`: the image that was built (`image.json`) and pushed (`pushed.json`), and its attestation."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.decision import Evidence
from contracts.schema import Schema

# Labels of the image, beside the standard ones of org.opencontainers.image.
MODEL_LABEL = "gatehouse.model"
DATA_LABEL = "gatehouse.data"
METRIC_LABEL = "gatehouse.metric"
METRIC_VALUE_LABEL = "gatehouse.metric.value"
REVISION_LABEL = "org.opencontainers.image.revision"
# The model folder in every image. A champion is fetched from there.
MODEL_PLACE = "/model"


MOST_OF_A_SENTENCE = 4_000
# An attestation comes from a registry and is shown in a terminal: no control characters, no end of line.
Sentence = Annotated[str, Field(max_length=MOST_OF_A_SENTENCE, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
DigestOrNone = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]


class Layer(Schema):
    """One layer: the digest of its tar, the sum of its files' bytes, and its size in a registry (gzip)."""

    digest: str
    made_by: str
    unpacked_bytes: int
    packed_bytes: int
    is_base: bool


class Image(Schema):
    """image.json. `image_id`: the digest of the configuration, which identifies the contents on every engine.

    `cold_start_seconds`: from `docker run` to the first 200 of /readyz. `idle_mb`: resident memory after that.
    `settings`: the digest of pipeline.toml.
    """

    format_version: Literal[2] = 2
    reference: str
    image_id: str
    base: str
    commit: str
    created: str
    model: str
    data_digest: str
    settings: str
    unpacked_bytes: int
    packed_bytes: int
    base_unpacked_bytes: int
    base_packed_bytes: int
    cold_start_seconds: float
    idle_mb: float
    layers: tuple[Layer, ...]

    @property
    def evidence(self) -> Evidence:
        """The model in this image, and the image itself."""
        return Evidence(model=self.model, data=self.data_digest, settings=self.settings, image=self.image_id)


class ChampionImage(Schema):
    """build/champion-image.json: the image from which the champion's model folder was copied. `model`: its digest.

    `engine_id`: its id on the engine that pulled it (deploy/digests.py).
    """

    format_version: Literal[1] = 1
    model: str
    reference: str
    engine_id: str


class PushedImage(Schema):
    """pushed.json. `reference`: `repository@sha256:…`, as a deploy requires it. `packed_bytes`: as stored."""

    format_version: Literal[1] = 1
    reference: str
    tag: str
    image_id: str
    packed_bytes: int


class Attestation(Schema):
    """The attestation in the registry, which says that every stage has passed for an image.

    `decision`: the gate's first reason. `first_run`: the reason where there was no champion to compare with.
    """

    format_version: Literal[1] = 1
    image: Digest
    model: Digest
    champion: DigestOrNone
    data: Digest
    settings: Digest
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")]
    decision: Sentence
    first_run: Sentence = ""
