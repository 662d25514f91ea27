"""The request log: JSON Lines, one record a prediction, one file a process, appended with a single write each request.

`<folder>/predictions-<start>-<pid>.jsonl`, for each API key `predictions-<start>-<pid>-<key's id>.jsonl`, and beside it
the labels that came in as feedback and what a shadow model would have answered. A process that is killed leaves at most
one torn last line, which readers skip and count. A disk that was full may leave one inside a file. Readers count an id
once, the earliest record: an edge may replay a request.
`sources-*.jsonl` is written by what replays a table, not by the service.
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
# How far a client's clock may differ from the service's, unless it is told otherwise; and where a table of any time is
# replayed: longer than the calendar.
CLOCK_SKEW_SECONDS = 300
MOST_SKEW_SECONDS = 10**12


class PredictionRecord(Schema):
    """One prediction that a client was given. `at_us`: microseconds since 1970, UTC, when the request came in.

    `features`: what the client sent of the features that are logged; a missing value is null or left out.
    `key`: the id of the API key, where keys are asked.
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
    """What really happened to the row whose prediction was `id`: a class, or the value of a regression.

    `at_us`: when the label came in; `observed_us`: when it happened, where the client said so. `brought`: the id of its
    place in the request that brought it, where that has a name; a replay of the request gives the same.
    `for_keys`: where the replica that took it did not have the prediction, whose predictions it may be the label of
    (ids of keys, ANY_KEY for all), because only a reader of all replicas' logs can tell; a prediction without a key is
    anybody's.
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
    """What the shadow model gave for the row of prediction `id`; nobody was shown it. `model`: the shadow's digest."""

    v: Literal[1] = 1
    id: str
    at_us: int
    model: str
    prediction: str | float
    probabilities: tuple[float, ...] | None = None


class SourceRecord(Schema):
    """Which row of a replayed table, from 0, the prediction `id` answers: copies of one row are worth one row.

    NOT_TRAFFIC: it was asked beside the replay, to look at the answer, and is no part of the window.
    """

    v: Literal[1] = 1
    id: str
    row: int
