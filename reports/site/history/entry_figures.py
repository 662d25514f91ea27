"""The stages' schemas, reduced to the figures that the history keeps; texts are put on one line and cut."""

from pydantic import BaseModel, ConfigDict

from contracts.data_manifest import DataManifest
from contracts.decision import Comparison, Decision
from contracts.history import (
    ChallengerFigures,
    ColumnFigures,
    DataFigures,
    DecisionFigures,
    DeployedFigures,
    DriftFigures,
    ImageFigures,
    LoadFigures,
    MetricFigures,
    StageFigures,
)
from contracts.image import Image, PushedImage
from contracts.model_folder import ModelCard
from contracts.release import Deployment
from contracts.stage import StageRecord
from contracts.verdict import DriftVerdict, LoadVerdict
from reports.site.history.workflow_run import one_line

LONGEST = 600
MOST_COLUMNS = 40
MOST_REASONS = 8


class DeployRecord(BaseModel):
    """The part of `build/deploy/rollout.json` and `champion.json` used here: which image, and how it ended."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str = ""
    exit_code: int = 0
    reason: str = ""


def stage_figures(record: StageRecord) -> StageFigures:
    """How a stage ended."""
    return StageFigures(
        stage=record.stage,
        exit_code=record.exit_code,
        verdict=one_line(record.verdict, LONGEST),
        headline=one_line(record.headline, LONGEST),
        seconds=record.seconds,
        peak_mb=record.peak_mb,
    )


def data_figures(seen: DataManifest | None) -> DataFigures | None:
    """The tables."""
    if seen is None:
        return None
    rows = seen.tables["train"].rows if "train" in seen.tables else 0
    return DataFigures(source=one_line(seen.source, LONGEST), digest=seen.digest, as_of=seen.as_of, train_rows=rows)


def challenger_figures(card: ModelCard, digest: str) -> ChallengerFigures:
    """The challenger."""
    return ChallengerFigures(
        name=one_line(card.name, LONGEST),
        digest=digest,
        estimator=one_line(card.estimator, LONGEST),
        commit=one_line(card.commit, LONGEST),
        data_digest=card.data_digest,
        task=card.task,
        target=one_line(card.target, LONGEST),
        positive=one_line(card.positive, LONGEST),
        classes=len(card.classes),
    )


def decision_figures(seen: Decision | None) -> DecisionFigures | None:
    """The gate's decision, and its reasons."""
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
        evaluation=seen.evaluation,
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
        baseline=one.baseline,
        difference=one.difference,
        margin=one.margin,
        outcome=one.outcome,
    )


def load_figures(seen: LoadVerdict | None) -> LoadFigures | None:
    """The load test."""
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


def image_figures(seen: Image | None, pushed: PushedImage | None) -> ImageFigures | None:
    """The image, by its digest once it was pushed."""
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


def drift_figures(seen: DriftVerdict | None) -> DriftFigures | None:
    """The verdict with the columns that moved most."""
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


def deployed_figures(
    seen: Deployment | None, champion: DeployRecord | None, rollout: DeployRecord | None, pushed: PushedImage | None
) -> DeployedFigures | None:
    """What was deployed; None if nothing was, or the rollout failed. Without deployed.json only the image is known."""
    if (seen is None and rollout is None) or (rollout and rollout.exit_code != 0):
        return None
    named = next((one.image for one in (champion, rollout) if one and one.image), pushed.reference if pushed else "")
    reason = seen.reason if seen else rollout.reason if rollout else ""
    return DeployedFigures(
        model=seen.model if seen else "",
        previous=seen.previous if seen else "",
        reason=one_line(reason, LONGEST),
        image=one_line(named, LONGEST),
    )
