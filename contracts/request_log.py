"""The request log: JSON Lines, one record per prediction, one file per process, one write per request.

The files are `<folder>/predictions-<start>-<pid>.jsonl`, and for each API key
`predictions-<start>-<pid>-<key's id>.jsonl`. Others have the labels from feedback, and the answers of a shadow model. A
process that is killed leaves at most one torn last line, which readers skip and count. A full disk may leave one inside
a file. Readers count an id once, by its earliest record, because an edge may replay a request. A replay of a table
writes `sources-*.jsonl`; the service does not.
"""

from typing import Literal

from contracts.features import Value
from contracts.schema import Schema

LogName = Literal["predictions", "labels", "shadow"]
PREDICTIONS_GLOB = "predictions-*.jsonl"
LABELS_GLOB = "labels-*.jsonl"
SHADOW_GLOB = "shadow-*.jsonl"
SOURCES_GLOB = "sources-*.jsonl"
NOT_TRAFFIC = -2
ANY_KEY = "*"
# How far a client's clock may differ from the service's by default, and where a table of any time is replayed.
CLOCK_SKEW_SECONDS = 300
MOST_SKEW_SECONDS = 10**12


class PredictionRecord(Schema):
    """One prediction that was returned to a client. `at_us`: when the request came in, microseconds since 1970, UTC.

    `features`: the logged features that the client sent; a missing value is null or left out. `key`: the id of the API
    key, where keys are required.
    """

    v: Literal[1] = 1
    id: str
    at_us: int
    model: str
    key: str | None = None
    features: dict[str, Value]
    prediction: str | float
    probabilities: tuple[float, ...] | None = None


class LabelRecord(Schema):
    """The true class or value of the row whose prediction was `id`.

    `at_us`: when the label came in. `observed_us`: when it was observed, where the client says so. `brought`: the id of
    its place in the request that brought it, where the request has an id; a replay of the request gives the same.
    `for_keys`: set where the replica that took the label does not have the prediction. It has the ids of the keys whose
    predictions the label may belong to (ANY_KEY: all), because only a reader of all replicas' logs can check this. A
    prediction without a key may get a label from anyone.
    """

    v: Literal[1] = 1
    id: str
    at_us: int
    brought: str | None = None
    key: str | None = None
    actual: str | float
    observed_us: int | None = None
    for_keys: tuple[str, ...] | None = None


class ShadowRecord(Schema):
    """The shadow model's prediction for the row of `id`; no client sees it. `model`: the shadow model's digest."""

    v: Literal[1] = 1
    id: str
    at_us: int
    model: str
    prediction: str | float
    probabilities: tuple[float, ...] | None = None


class SourceRecord(Schema):
    """Which row of a replayed table, from 0, the prediction `id` is for: copies of one row count as one row.

    NOT_TRAFFIC: the request was a test beside the replay, and is no part of the window.
    """

    v: Literal[1] = 1
    id: str
    row: int
