"""The run history: one small JSON file for each run, in a folder that workflows keep on a branch of its own.

    runs/2026/20261123T111300Z-run-4711-1.json   one HistoryEntry: a run of the chain, a drift verdict, a rollback
    kept/20261123T111300Z-run-4711-1/            the last few in full, laid out like build/, with Evidently's report
    drills/drills.json                           the latest table of drills

An entry repeats figures from the stages' files and does not include these files: their format may change, and a
year-old entry must still be readable. So fields are only added here, each with a default.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field

from contracts.decision import Interval, Outcome
from contracts.schema import Figure, Schema
from contracts.stage import ExitCode, RecordedStage
from contracts.verdict import DriftState


def _day_of_a_calendar(moment: str) -> str:
    dt.datetime.fromisoformat(moment)
    return moment


EventName = Literal["run", "drift", "rollback"]
# Texts from outside have a maximum length; what becomes part of a path or of a link has a pattern.
Text = Annotated[str, Field(max_length=600)]
EntryId = Annotated[str, Field(pattern=r"^\d{8}T\d{6}Z-(run|drift|rollback)-[a-z0-9-]{1,40}$")]
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Moment = Annotated[
    str, Field(pattern=r"^(19[7-9]|2[01]\d)\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$"), AfterValidator(_day_of_a_calendar)
]
Count = Annotated[int, Field(ge=-(10**15), le=10**15)]
Server = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]{0,250}(:\d{1,5})?$")]
Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}$")]
Number = Annotated[str, Field(pattern=r"^[1-9]\d{0,18}$")]


class WorkflowRun(Schema):
    """The workflow run. `branch` and `title` are texts from outside: anybody can name a branch."""

    server: Server
    repository: Repository
    run_id: Number
    attempt: Number = "1"
    trigger: Text = ""
    branch: Text = ""
    title: Text = ""

    @property
    def repository_url(self) -> str:
        return f"{self.server}/{self.repository}"

    @property
    def url(self) -> str:
        return f"{self.repository_url}/actions/runs/{self.run_id}/attempts/{self.attempt}"


class StageFigures(Schema):
    """How one stage ended."""

    stage: RecordedStage
    exit_code: ExitCode
    verdict: Text
    headline: Text
    seconds: Figure
    peak_mb: Figure


class DataFigures(Schema):
    """The data. `source`: data.source of pipeline.toml."""

    source: Text
    digest: Digest
    as_of: Text
    train_rows: Count


class ChallengerFigures(Schema):
    """The challenger. `digest`: of its folder; `classes`: how many there are."""

    name: Text
    digest: Digest
    estimator: Text
    commit: Text
    data_digest: Digest
    task: Text = ""
    target: Text = ""
    positive: Text = ""
    classes: Count = 0


class MetricFigures(Schema):
    """One metric of the challenger on the holdout, with its interval, and the champion's where there is one."""

    metric: Text
    title: Text
    higher_is_better: bool
    decides: bool
    value: Figure
    low: Figure
    high: Figure
    champion: Figure | None = None
    baseline: Figure | None = None
    difference: Interval | None = None
    margin: Figure | None = None
    outcome: Outcome


class DecisionFigures(Schema):
    """The gate's decision. `broken`: the checks that failed."""

    decision: Literal["promote", "reject"]
    reason: Text
    challenger: Digest
    champion: Digest
    holdout_rows: Count
    holdout_first: Text
    holdout_last: Text
    evaluation: Count = Field(validation_alias=AliasChoices("evaluation", "tries"))
    metrics: tuple[MetricFigures, ...]
    broken: tuple[Text, ...] = ()


class LoadFigures(Schema):
    """The service under load. Milliseconds count from the time at which a request was due."""

    verdict: Literal["pass", "fail", "unmeasured"]
    target: Text
    requests: Count
    failures: Count
    requests_per_second: Figure
    p50_ms: Figure
    p95_ms: Figure
    p99_ms: Figure
    cpu_us_per_request: Figure
    peak_mb: Figure


class ImageFigures(Schema):
    """The image. `reference`: `name@sha256:…` after it was pushed, a local name before."""

    reference: Text
    image_id: Text
    is_pushed: bool
    packed_bytes: Count
    unpacked_bytes: Count
    cold_start_seconds: Figure
    idle_mb: Figure


class ColumnFigures(Schema):
    """One column's distance, and the threshold above which it counts as drifted."""

    column: Text
    kind: Literal["feature", "prediction"]
    distance: Figure
    threshold: Figure

    @property
    def ratio(self) -> float:
        """The distance over its threshold. A threshold of 0 is none; a tiny one is that of no stage."""
        return self.distance / (max(self.threshold, 1e-9) if self.threshold else 1.0)


class DriftFigures(Schema):
    """A drift verdict. `columns`: those of `columns_compared` that moved most, relative to their thresholds."""

    state: DriftState
    inputs: DriftState
    predictions: DriftState
    model: Digest
    traffic: Text
    current_rows: Count
    columns_compared: Count
    columns: tuple[ColumnFigures, ...]
    metric: Text = ""
    labels: Count = 0
    metric_reference: Figure | None = None
    metric_current: Figure | None = None
    reasons: tuple[Text, ...] = ()


class DeployedFigures(Schema):
    """The model that went into production, and the one before. `image`: "" where a folder was deployed."""

    model: Digest
    previous: Digest
    reason: Text
    image: Text = ""


class HistoryEntry(Schema):
    """One run. Parts that it did not reach, or does not have, are None."""

    format_version: Literal[1] = 1
    id: EntryId
    at: Moment
    event: EventName
    workflow: WorkflowRun | None = None
    stages: tuple[StageFigures, ...]
    data: DataFigures | None = None
    model: ChallengerFigures | None = None
    decision: DecisionFigures | None = None
    load: LoadFigures | None = None
    image: ImageFigures | None = None
    drift: DriftFigures | None = None
    deployed: DeployedFigures | None = None
