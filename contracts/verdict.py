"""`build/load-test/verdict.json`, `build/drift/verdict.json`: what a stage saw, and whether it is within the limits."""

from typing import Literal

from contracts.decision import Check
from contracts.schema import Schema

DriftState = Literal["stable", "drift", "insufficient"]
LoadReason = Literal[
    "p50_limit", "p95_limit", "p99_limit", "stall", "errors", "wrong_answers", "rate", "memory_growth", "killed",
    "no_comparison", "slower_p50", "slower_p95", "slower_cpu",
]  # fmt: skip


class LoadRatio(Schema):
    """One figure of challenger and champion, each the median over its blocks; `ratio` with its one-sided bounds."""

    figure: Literal["p50", "p95", "cpu"]
    unit: Literal["ms", "us"]
    challenger: float
    champion: float
    ratio: float
    low: float
    high: float
    passed: bool


class PairedRun(Schema):
    """Challenger and champion in interleaved blocks. `served`: how the champion was; `confidence` is each bound's."""

    champion: str
    served: str
    blocks: int
    block_seconds: float
    confidence: float
    max_ratio: float
    failures: int
    ratios: tuple[LoadRatio, ...]


class LoadVerdict(Schema):
    """How the service that holds one model behaved under load. Latencies count from when a request was due.

    `reason_codes` has one for each of `reasons`. `image` is the image's id, empty where a process was loaded; `served`
    says why it was the one or the other. `paired` is None where there is no champion.
    """

    format_version: Literal[1] = 1
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    reason_codes: tuple[LoadReason, ...] = ()
    model: str
    target: Literal["process", "image"]
    image: str = ""
    served: str = ""
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
    growth_mb: float = 0.0
    checks: tuple[Check, ...]
    paired: PairedRun | None = None


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
