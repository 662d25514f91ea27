"""`build/load-test/verdict.json`, `build/drift/verdict.json`: what a stage measured, and whether it passes."""

import datetime as dt
from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from contracts.decision import Check, Evidence, Interval
from contracts.schema import Schema

DriftState = Literal["stable", "drift", "insufficient"]
PerformanceOutcome = Literal["held", "worse", "inconclusive", "insufficient"]
LoadReason = Literal[
    "p50_limit", "p95_limit", "p99_limit", "stall", "errors", "wrong_answers", "rate", "memory_growth", "killed",
    "no_comparison", "slower_p50", "slower_p95", "slower_cpu", "memory_leak", "other_routes", "request_log",
    "not_measured",
]  # fmt: skip


class LoadRatio(Schema):
    """One figure of challenger and champion, each the median over its blocks, and the ratio with one-sided bounds."""

    figure: Literal["p50", "p95", "cpu"]
    unit: Literal["ms", "us"]
    challenger: float
    champion: float
    ratio: float
    low: float
    high: float
    passed: bool


class PairedRun(Schema):
    """Challenger and champion in interleaved blocks. `served`: how the champion ran; `confidence`: of each bound."""

    champion: str
    served: str
    blocks: int
    block_seconds: float
    confidence: float
    max_ratio: float
    failures: int
    ratios: tuple[LoadRatio, ...]


class LoadVerdict(Schema):
    """The service with one model under load. Latencies count from the time at which a request was due.

    `unmeasured`: only times are beyond limits, and other processes kept the machine busy (`machine`). It does not pass.
    `reason_codes`: one for each of `reasons`. `image`: the image's id, "" where a process was loaded; `served`: why the
    one or the other was. `paired`: None where there is no champion to compare with; `first_run`: the reason, if one is
    known. `data_digest`: of the tables whose rows were replayed; `settings`: of pipeline.toml.
    """

    format_version: Literal[2] = 2
    verdict: Literal["pass", "fail", "unmeasured"]
    reasons: tuple[str, ...]
    reason_codes: tuple[LoadReason, ...] = ()
    model: str
    data_digest: str
    settings: str
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
    machine: str = ""
    checks: tuple[Check, ...]
    paired: PairedRun | None = None
    first_run: str = ""

    @property
    def evidence(self) -> Evidence:
        """The model, champion, data, settings and image of this verdict."""
        return Evidence(
            model=self.model,
            champion=self.paired.champion if self.paired else "",
            data=self.data_digest,
            settings=self.settings,
            image=self.image or None,
        )


class ColumnComparison(Schema):
    """The distance of one drift statistic (scoring/drift_statistics.py) from reference to window, and its threshold.

    `threshold`: the largest of three. `by_chance`: reached without drift in no more than the stated share of windows of
    this size, over all columns together. `historic`: the largest distance of past windows of this length, times
    drift.historic_factor. `effect`: the least distance that matters.
    """

    column: str
    kind: Literal["feature", "prediction"]
    method: str
    distance: float
    threshold: float
    drifted: bool
    by_chance: float | None = None
    historic: float | None = None
    effect: float | None = None


class LabelComparison(Schema):
    """Whether the labels are distributed as in the reference."""

    labels: int
    method: str
    distance: float
    threshold: float
    moved: bool


class ClippedComparison(Schema):
    """The metric with each row's loss clipped at `largest_loss`, compared with the reference's rows, clipped too.

    `rows`: labelled rows whose loss is larger; `share`: their share of the sum of all losses. `difference`: as in
    PerformanceComparison. `decided`: whether it decides the outcome, because the metric itself is inconclusive.
    """

    largest_loss: float
    rows: int
    share: float
    reference: float
    current: float
    difference: Interval
    decided: bool = False


class PerformanceComparison(Schema):
    """The primary metric on the requests with labels, compared with the model card's out-of-fold figure.

    `low` and `high` are one-sided bounds, clustered by day. `difference`: current minus reference; where less is better
    its sign is changed, so that negative is worse. `outcome`: `worse` where the difference is significantly below 0 and
    beyond gate.margin; `held` where it is significantly above -margin; `insufficient` where there are too few labels;
    `inconclusive` otherwise.
    """

    metric: str
    labels: int
    reference: float
    current: float
    low: float | None = None
    high: float | None = None
    days: int = 0
    difference: Interval | None = None
    outcome: PerformanceOutcome | None = None
    method: str = ""
    clipped: ClippedComparison | None = None


class EstimatedPerformance(Schema):
    """The primary metric estimated without labels, from probabilities calibrated on the rows predicted out of fold.

    `assumption`: what must hold, and how far the model's own probabilities were from the observed rates.
    """

    metric: str
    rows: int
    reference: float
    estimate: float
    low: float
    high: float
    assumption: str


class LabelledDay(Schema):
    """One day's mean prediction and mean label: of the positive class, of each of several, or of the value."""

    day: dt.date
    labels: int
    predicted: tuple[float, ...]
    actual: tuple[float, ...]


class Timing(Schema):
    """Whether inputs are late: how far predictions follow the labels of their own day, and those of the day before.

    `own` is 1 and `following` is 0 for calibrated probabilities and timely inputs. `high`: bound of own - following.
    """

    days: int
    own: float
    following: float
    high: float
    is_late: bool


class ScoredAgain(Schema):
    """Rows that the model scored again from their logged features. `others`: those with another prediction."""

    rows: int
    others: int
    follows: bool


class SliceComparison(Schema):
    """How much more the error in rows with this value differs from other rows' than it did in the reference.

    `figure`: the error, label minus prediction (for a regression in its standard deviations), or its square.
    """

    column: str
    value: str
    labels: int
    figure: Literal["error", "squared error"]
    difference: float
    reach: float
    moved: bool


class LibraryVerdict(Schema):
    """The library's verdict with its own defaults on the same rows. Shown for comparison; it decides nothing."""

    library: str
    is_drift: bool
    drifted: tuple[str, ...]
    columns: int


class SampledDistance(Schema):
    """How far a distance in a large log may be from that of all rows: for a sample at 99 %, for all rows by binning.

    `column`: of the statistic. `is_of_all_rows`: whether all rows were counted for it.
    """

    column: str
    reach: float
    is_of_all_rows: bool


class LargeLog(Schema):
    """How a log that is too large to compare row by row was judged.

    `requests` were read, and `sampled` of them were drawn as `method` says. `on_all_rows`: how many distances are of
    all rows; the others are of the sample. `close`: statistics whose distance is nearer to its threshold than its
    `reach`, so all rows could decide otherwise. `distinct_rows`: estimated, within a share `distinct_error` at 99 %.
    """

    requests: int
    sampled: int
    method: str
    on_all_rows: int
    distances: tuple[SampledDistance, ...]
    close: tuple[str, ...]
    distinct_rows: int
    distinct_error: float


class Persistence(Schema):
    """Of the last `windows` windows of this model, without overlap, `drifted` drifted; `needed` are lasting."""

    windows: int
    drifted: int
    needed: int
    of_windows: int
    is_lasting: bool


class DriftVerdict(Schema):
    """Three separate questions: have the inputs moved, have the predictions moved, has the model become worse?

    `state`: whether a person must look. Inputs or predictions that moved while measured performance held need nobody.
    `effective_rows`: the requests that count, without copies of one row of a replayed table (`replayed_copies`), and
    without rows repeated more often than in the reference (`repeated_rows`).
    `not_estimated`: why performance without labels is not estimated.
    `first_run`: why production had no model of this project to judge; everything else is empty then.
    `data_digest`: of the model's training data; `settings`: of pipeline.toml.
    `large_log`: only where a sample of the log was compared, with counts of all of it.
    """

    format_version: Literal[2] = 2
    state: DriftState
    reasons: tuple[str, ...]
    model: str
    data_digest: str
    settings: str
    traffic: str
    reference_rows: int
    current_rows: int
    current_first: str
    current_last: str
    torn_lines: int
    repeated_ids: int
    other_models: int
    effective_rows: int = 0
    replayed_copies: int = 0
    repeated_rows: int = 0
    inputs: DriftState
    predictions: DriftState
    performance: PerformanceComparison | None = None
    columns: tuple[ColumnComparison, ...]
    window_days: int = 0
    false_alarm_rate: float | None = None
    labels: LabelComparison | None = None
    estimated: EstimatedPerformance | None = None
    not_estimated: str = ""
    labelled_days: tuple[LabelledDay, ...] = ()
    timing: Timing | None = None
    scored_again: ScoredAgain | None = None
    slices: tuple[SliceComparison, ...] = ()
    evidently: LibraryVerdict | None = None
    persistence: Persistence | None = None
    first_run: str = ""
    large_log: Annotated[LargeLog | None, Field(exclude_if=not_)] = None

    @property
    def evidence(self) -> Evidence:
        """The model, its data and the settings of this verdict."""
        return Evidence(model=self.model, data=self.data_digest, settings=self.settings)
