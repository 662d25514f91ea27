"""One entry of the history, made of what the stages left under build/. A stage that says it passed must have its file.

Every file is looked at from outside first: a plain file of at most so many bytes, which fits its schema.
"""

from collections.abc import Iterable, Iterator
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.data_manifest import DataManifest
from contracts.decision import Comparison, Decision
from contracts.deployment import Deployment
from contracts.exits import UsageError
from contracts.history import (
    ColumnFigures,
    DataFigures,
    DecisionFigures,
    DeployedFigures,
    DriftFigures,
    EventName,
    HistoryEntry,
    ImageFigures,
    LoadFigures,
    MetricFigures,
    ModelFigures,
    StageFigures,
    WorkflowRun,
)
from contracts.image import Image, PushedImage
from contracts.model_folder import CARD_FILE, ModelCard, model_digest
from contracts.schema import AnySchema, read_outside_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from reports.past.workflow_run import one_line

# A decision over 200 slices has 80 kB; what is larger than this was not written by a stage.
MOST_BYTES = 1024 * 1024
LONGEST = 600
MOST_COLUMNS = 40
MOST_REASONS = 8
# What each event is about; nothing else in build/ is looked at.
OPTIONAL = {"pushed.json", "rollout.json"}
STAGES_OF: dict[EventName, tuple[StageName, ...]] = {
    "run": get_args(StageName),
    "drift": ("drift",),
    "rollback": ("deploy",),
}
MAKER_OF: dict[EventName, str] = {"run": "pipeline", "drift": "watch", "rollback": "rollback"}


class RolloutRecord(BaseModel):
    """What is needed here of `build/deploy/rollout.json`: which image went where another one was."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str
    replaced: str = ""
    exit_code: int
    reason: str = ""


def event_of(build: Build) -> EventName:
    """What took place, by what build/ holds: a run of the chain trains, a watch only has drift, a rollback a deploy."""
    if any((build.stage(stage) / "stage.json").exists() for stage in CHAIN[:-1]):
        return "run"
    return "drift" if (build.stage("drift") / "stage.json").exists() else "rollback"


def entry_of(build: Build, event: EventName, at: str, run: WorkflowRun | None) -> HistoryEntry:
    """Read build/ for one event. `at`: UTC as 2026-11-23T11:13:00Z. Raises UsageError with the file and the command."""
    found = tuple(_records(build, STAGES_OF[event]))
    if not found:
        raise UsageError(f"{build.root} has no stage.json to remember. Run `make {MAKER_OF[event]}` first.")
    ran = {record.stage for record in found}
    passed = {record.stage for record in found if record.exit_code == 0}

    def read(stage: StageName, name: str, schema: type[AnySchema]) -> AnySchema | None:
        path = build.stage(stage) / name
        is_there = path.exists() or path.is_symlink()
        if stage not in ran or not (is_there or (stage in passed and name not in OPTIONAL)):
            return None
        return read_outside_json(path, schema, f"make {stage}", MOST_BYTES)

    card = read("train", f"{build.challenger.name}/{CARD_FILE}", ModelCard)
    pushed = read("build", "pushed.json", PushedImage)
    rollout = read("deploy", "rollout.json", RolloutRecord)
    try:
        entry = HistoryEntry(
            id=entry_id(at, event, run),
            at=at,
            event=event,
            workflow=run,
            stages=tuple(_stage(record) for record in found),
            data=_data(read("data", "data.json", DataManifest)),
            model=_model(card, model_digest(build.challenger)) if card else None,
            decision=_decision(read("evaluate", "decision.json", Decision)),
            image=_image(read("build", "image.json", Image), pushed),
            load=_load(read("load-test", "verdict.json", LoadVerdict)),
            drift=_drift(read("drift", "verdict.json", DriftVerdict)),
            deployed=_rolled_out(rollout)
            if rollout
            else _deployed(read("deploy", "deployed.json", Deployment), pushed),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{build.root} holds a value that no history keeps: {where}: {first['msg']}.") from None
    return _of_one_model(entry)


def entry_id(at: str, event: EventName, run: WorkflowRun | None) -> str:
    """The file's name: the moment, the event, and the workflow run or "local"."""
    moment = at.replace("-", "").replace(":", "")
    return f"{moment}-{event}-{run.run_id}-{run.attempt}" if run else f"{moment}-{event}-local"


def _records(build: Build, stages: Iterable[StageName]) -> Iterator[StageRecord]:
    for stage in stages:
        path = build.stage(stage) / "stage.json"
        if path.exists() or path.is_symlink():
            yield read_outside_json(path, StageRecord, f"make {stage}", MOST_BYTES)


def _of_one_model(entry: HistoryEntry) -> HistoryEntry:
    """A verdict left over from an earlier run would be remembered as this one's: refused. An earlier run's deploy is
    only left out, because on a laptop production stays while the next challenger is made."""
    if entry.model is None:
        return entry
    seen = {
        "evaluate": entry.decision.challenger if entry.decision else "",
        "drift": entry.drift.model if entry.drift else "",
    }
    for stage, digest in seen.items():
        if digest and digest != entry.model.digest:
            raise UsageError(
                f"{stage} speaks of model {digest[:19]}, the model folder is {entry.model.digest[:19]}: files of two "
                "runs. Run `make pipeline`."
            )
    if entry.deployed is None or entry.deployed.model in ("", entry.model.digest):
        return entry
    stages = tuple(one for one in entry.stages if one.stage != "deploy")
    return entry.model_copy(update={"deployed": None, "stages": stages})


def _stage(record: StageRecord) -> StageFigures:
    return StageFigures(
        stage=record.stage,
        exit_code=record.exit_code,
        verdict=one_line(record.verdict, LONGEST),
        headline=one_line(record.headline, LONGEST),
        seconds=record.seconds,
        peak_mb=record.peak_mb,
    )


def _data(seen: DataManifest | None) -> DataFigures | None:
    if seen is None:
        return None
    rows = seen.tables["train"].rows if "train" in seen.tables else 0
    return DataFigures(source=one_line(seen.source, LONGEST), digest=seen.digest, as_of=seen.as_of, train_rows=rows)


def _model(card: ModelCard, digest: str) -> ModelFigures:
    return ModelFigures(
        name=one_line(card.name, LONGEST),
        digest=digest,
        estimator=one_line(card.estimator, LONGEST),
        commit=one_line(card.commit, LONGEST),
        data_digest=card.data_digest,
    )


def _decision(seen: Decision | None) -> DecisionFigures | None:
    if seen is None:
        return None
    return DecisionFigures(
        decision=seen.decision,
        reason=one_line(" ".join(seen.reasons), LONGEST),
        challenger=seen.challenger,
        champion=seen.champion,
        holdout_rows=seen.holdout_rows,
        holdout_first=seen.holdout_first[:10],
        holdout_last=seen.holdout_last[:10],
        tries=seen.tries,
        metrics=tuple(_metric(one) for one in seen.comparisons),
        broken=tuple(one_line(check.name, LONGEST) for check in seen.checks if not check.passed)[:MOST_REASONS],
    )


def _metric(one: Comparison) -> MetricFigures:
    return MetricFigures(
        metric=one_line(one.metric, LONGEST),
        title=one_line(one.title, LONGEST),
        higher_is_better=one.higher_is_better,
        decides=one.decides,
        value=one.challenger.value,
        low=one.challenger.low,
        high=one.challenger.high,
        champion=one.champion.value if one.champion else None,
        outcome=one.outcome,
    )


def _load(seen: LoadVerdict | None) -> LoadFigures | None:
    if seen is None:
        return None
    return LoadFigures(
        verdict=seen.verdict,
        target=seen.target,
        requests=seen.requests,
        failures=seen.failures,
        requests_per_second=seen.requests_per_second,
        p50_ms=seen.p50_ms,
        p95_ms=seen.p95_ms,
        p99_ms=seen.p99_ms,
        cpu_us_per_request=seen.cpu_us_per_request,
        peak_mb=seen.peak_mb,
    )


def _image(seen: Image | None, pushed: PushedImage | None) -> ImageFigures | None:
    if seen is None:
        return None
    return ImageFigures(
        reference=one_line(pushed.reference if pushed else seen.reference, LONGEST),
        image_id=one_line(seen.image_id, LONGEST),
        is_pushed=pushed is not None,
        packed_bytes=pushed.packed_bytes if pushed else seen.packed_bytes,
        unpacked_bytes=seen.unpacked_bytes,
        cold_start_seconds=seen.cold_start_seconds,
        idle_mb=seen.idle_mb,
    )


def _drift(seen: DriftVerdict | None) -> DriftFigures | None:
    if seen is None:
        return None
    furthest = sorted(
        seen.columns, key=lambda one: (one.kind == "prediction", one.distance / (one.threshold or 1.0)), reverse=True
    )
    performance = seen.performance
    return DriftFigures(
        state=seen.state,
        inputs=seen.inputs,
        predictions=seen.predictions,
        model=seen.model,
        traffic=one_line(seen.traffic, LONGEST),
        current_rows=seen.current_rows,
        columns_compared=len(seen.columns),
        columns=tuple(
            ColumnFigures(
                column=one_line(one.column, LONGEST),
                kind=one.kind,
                distance=round(one.distance, 5),
                threshold=round(one.threshold, 5),
            )
            for one in furthest[:MOST_COLUMNS]
        ),
        metric=one_line(performance.metric, LONGEST) if performance else "",
        labels=performance.labels if performance else 0,
        metric_reference=performance.reference if performance else None,
        metric_current=performance.current if performance else None,
        reasons=tuple(one_line(reason, LONGEST) for reason in seen.reasons)[:MOST_REASONS],
    )


def _deployed(seen: Deployment | None, pushed: PushedImage | None) -> DeployedFigures | None:
    if seen is None:
        return None
    return DeployedFigures(
        model=seen.model,
        previous=seen.previous,
        reason=one_line(seen.reason, LONGEST),
        image=one_line(pushed.reference, LONGEST) if pushed else "",
    )


def _rolled_out(seen: RolloutRecord) -> DeployedFigures | None:
    """An image in production is known by its reference; which model is in it, the entry of its build says."""
    if seen.exit_code != 0:
        return None
    return DeployedFigures(
        model="", previous="", reason=one_line(seen.reason, LONGEST), image=one_line(seen.image, LONGEST)
    )
