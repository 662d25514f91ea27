"""`build/image/`: what was built (`image.json`), and what the registry holds after a push (`pushed.json`)."""

from typing import Literal

from contracts.schema import Schema

# Labels of the image, beside the standard ones of org.opencontainers.image.
MODEL_LABEL = "gatehouse.model"
DATA_LABEL = "gatehouse.data"
METRIC_LABEL = "gatehouse.metric"
METRIC_VALUE_LABEL = "gatehouse.metric.value"
# "promote" where the gate promoted this very model before the image was built; `make deploy` reads it.
DECISION_LABEL = "gatehouse.decision"
REVISION_LABEL = "org.opencontainers.image.revision"
# Where the model folder is in every image: a champion is fetched from there.
MODEL_PLACE = "/model"


class Layer(Schema):
    """One layer: the digest of its tar, the sum of its files' bytes, and its size in a registry (gzip)."""

    digest: str
    made_by: str
    unpacked_bytes: int
    packed_bytes: int
    is_base: bool


class Image(Schema):
    """image.json. `image_id`, the digest of the configuration, names the contents on any engine and in any registry.

    `cold_start_seconds`: from `docker run` to the first 200 of /readyz. `idle_mb`: resident memory right after it.
    """

    format_version: Literal[1] = 1
    reference: str
    image_id: str
    base: str
    commit: str
    created: str
    model: str
    data_digest: str
    unpacked_bytes: int
    packed_bytes: int
    base_unpacked_bytes: int
    base_packed_bytes: int
    cold_start_seconds: float
    idle_mb: float
    layers: tuple[Layer, ...]


class ChampionImage(Schema):
    """build/champion-image.json: the image that the champion's model folder was taken out of. `model` is its digest.

    `engine_id`: what the engine that pulled it calls it (deploy/digests.py).
    """

    format_version: Literal[1] = 1
    model: str
    reference: str
    engine_id: str


class PushedImage(Schema):
    """pushed.json. `reference` is `repository@sha256:…`, the one name that a deploy takes; `packed_bytes` as stored."""

    format_version: Literal[1] = 1
    reference: str
    tag: str
    image_id: str
    packed_bytes: int
