"""`build/load-test/verdict.json`, `build/drift/verdict.json`: what a stage saw, and whether it is within the limits."""

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

    `unmeasured`: nothing is wrong but times, and those because others were busy on the machine (`machine`); it does not
    pass. `reason_codes` has one for each of `reasons`. `image` is the image's id, empty where a process was loaded;
    `served` says why it was the one or the other. `paired` is None where there is no champion to compare with;
    `first_run` says why, where that has to be said. `data_digest`: of the tables whose rows were replayed; `settings`:
    of pipeline.toml.
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
        """What was loaded, beside which champion, with rows of which data, by which settings."""
        return Evidence(
            model=self.model,
            champion=self.paired.champion if self.paired else "",
            data=self.data_digest,
            settings=self.settings,
            image=self.image or None,
        )


class ColumnComparison(Schema):
    """The distance of one drift statistic (scoring/drift_statistics.py) from reference to window, and its threshold.

    `threshold` is the largest of three: `by_chance`, what rows of one distribution reach at this size, together with
    all other columns, in no more than the stated share of windows; `historic`, what windows of this length have reached
    before, times drift.historic_factor; `effect`, the least that matters.
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
    """Whether what really happened is distributed as it was in the reference."""

    labels: int
    method: str
    distance: float
    threshold: float
    moved: bool


class ClippedComparison(Schema):
    """The metric where no row's loss counts as more than `largest_loss`, against the reference's rows alike.

    `rows`: labelled rows whose loss is larger; `share`: what they have of the sum of all losses. `difference` as in
    PerformanceComparison. `decided`: whether the outcome is by this, because the metric itself could not tell.
    """

    largest_loss: float
    rows: int
    share: float
    reference: float
    current: float
    difference: Interval
    decided: bool = False


class PerformanceComparison(Schema):
    """The primary metric on the requests whose labels came in, against the model card's out-of-fold figure.

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
    """The primary metric without labels, from probabilities as the rows judged out of fold correct them.

    `assumption`: what has to hold, and how far off the model's own probabilities were.
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
    """How much of a difference between days in predictions shows in labels of that day (`own`), and of the day before.

    `own` is 1 and `following` 0 where the probabilities are right and inputs in time; `high` bounds own - following.
    """

    days: int
    own: float
    following: float
    high: float
    is_late: bool


class ScoredAgain(Schema):
    """Of so many rows that the model was asked again by their logged features, `others` got another prediction."""

    rows: int
    others: int
    follows: bool


class SliceComparison(Schema):
    """How much more the model is off in rows with this value than in others, now against the reference.

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
    """What the library says by its own defaults, on the same rows: shown for comparison, it decides nothing."""

    library: str
    is_drift: bool
    drifted: tuple[str, ...]
    columns: int


class SampledDistance(Schema):
    """How far a distance of a large log may be from that of all rows: of a sample at 99 %, of all rows by their cells.

    `column`: the statistic's. `is_of_all_rows`: whether all rows were counted for it.
    """

    column: str
    reach: float
    is_of_all_rows: bool


class LargeLog(Schema):
    """How a log was judged that is too large to compare row by row.

    `requests` were read and `sampled` of them drawn, as `method` says. Of the distances `on_all_rows` are of all rows,
    the others of the sample. `close`: statistics whose distance is nearer to its threshold than its `reach`, so all
    rows could call them otherwise. `distinct_rows` is an estimate, within the share `distinct_error` at 99 %.
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
    """Of the last `windows` windows of this model that do not overlap, `drifted` drifted. `needed` make it lasting."""

    windows: int
    drifted: int
    needed: int
    of_windows: int
    is_lasting: bool


class DriftVerdict(Schema):
    """Three questions, kept apart: have the inputs moved, have the predictions moved, has the model become worse.

    `state` says whether a person must look: not where inputs or predictions moved while measured performance held.
    Of the window's requests `effective_rows` count: without copies of one row of a replayed table (`replayed_copies`),
    and without rows that are repeated more often than the reference's own (`repeated_rows`).
    `not_estimated`: why performance without labels is not even estimated.
    `first_run`: why there was nothing of this project in production to judge; all else is empty then.
    `data_digest`: of what the model was trained on; `settings`: of pipeline.toml.
    `large_log`: only where a sample of the log was compared beside counts of all of it.
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
        """Whose requests were looked at, and by which settings."""
        return Evidence(model=self.model, data=self.data_digest, settings=self.settings)
