"""The request log: JSON Lines, one record a prediction, one file a process, appended with a single write each.

`<folder>/predictions-<start>-<pid>.jsonl`. A process that is killed leaves at most one torn last
line, which readers skip and count. Readers count an id once: an edge may replay a request.
"""

from typing import Literal

from contracts.features import Value
from contracts.schema import Schema

PREDICTIONS_GLOB = "predictions-*.jsonl"


class PredictionRecord(Schema):
    """One prediction that a client was given. `at_us`: microseconds since 1970, UTC, when the request came in."""

    v: Literal[1] = 1
    id: str
    at_us: int
    model: str
    features: dict[str, Value]
    prediction: str | float
    probabilities: tuple[float, ...] | None = None
