"""`build/load-test/verdict.json`, `build/drift/verdict.json`: what a stage saw, and whether it is within the limits."""

from typing import Literal

from contracts.decision import Check
from contracts.schema import Schema

DriftState = Literal["stable", "drift", "insufficient"]


class LoadVerdict(Schema):
    """How the service that holds one model behaved under load. Latencies count from when a request was due."""

    format_version: Literal[1] = 1
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    model: str
    target: Literal["process", "image"]
    requests: int
    failures: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    largest_ms: float
    cpu_us_per_request: float
    peak_mb: float
    checks: tuple[Check, ...]


class ColumnComparison(Schema):
    """The distance of one column between reference and current, by a method and threshold that we fixed."""

    column: str
    kind: Literal["feature", "prediction"]
    method: str
    distance: float
    threshold: float
    drifted: bool


class PerformanceComparison(Schema):
    """The primary metric where labels came in."""

    metric: str
    labels: int
    reference: float
    current: float


class DriftVerdict(Schema):
    """Three questions, kept apart: have the inputs moved, have the predictions moved, has the model become worse."""

    format_version: Literal[1] = 1
    state: DriftState
    reasons: tuple[str, ...]
    model: str
    traffic: str
    reference_rows: int
    current_rows: int
    current_first: str
    current_last: str
    torn_lines: int
    repeated_ids: int
    other_models: int
    inputs: DriftState
    predictions: DriftState
    performance: PerformanceComparison | None = None
    columns: tuple[ColumnComparison, ...]
