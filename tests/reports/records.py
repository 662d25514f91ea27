"""Stage files for the report's tests: a whole run, and the ways in which it can be cut short."""

from pathlib import Path

from contracts.data_manifest import DataManifest, LeftOut, Table, manifest_digest
from contracts.decision import Check, Comparison, Curve, Decision, Interval, Plots, SliceComparison
from contracts.features import Feature
from contracts.image import Image
from contracts.model_folder import Metric, model_digest, read_card
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config, settings_digest
from contracts.schema import write_json
from contracts.stage import CHAIN, Build, StageName, StageRecord
from contracts.verdict import ColumnComparison, DriftVerdict, LoadVerdict, PairedRun
from testbed.cards import card

CONFIG = load_config(Path(__file__).parents[2] / "pipeline.toml")
SETTINGS = settings_digest(CONFIG)
CHAMPION = "sha256:" + "c" * 64
MANIFEST = DataManifest(
    source="training.flights:load",
    source_sha256="0" * 64,
    task="binary",
    target="late",
    features=(Feature(name="distance", kind="numeric"),),
    left_out=(LeftOut(column="tailnum", reason="an identifier"),),
    tables={"train": Table(rows=1000, digest="sha256:1"), "holdout": Table(rows=300, digest="sha256:2")},
    digest="",
)
DATA_DIGEST = manifest_digest(MANIFEST, CONFIG.data)


def write_record(
    build: Build,
    stage: StageName,
    exit_code: int = 0,
    headline: str = "as planned",
    verdict: str = "ready",
    settings: str = SETTINGS,
) -> None:
    record = StageRecord(
        stage=stage,
        exit_code=exit_code,
        verdict=verdict,
        headline=headline,
        seconds=1.5,
        peak_mb=100.0,
        settings=settings,
    )
    write_json(build.stage(stage) / "stage.json", record)


def write_card(build: Build, data_digest: str = DATA_DIGEST) -> str:
    made = card(
        (Feature(name="distance", kind="numeric"),),
        name="flights",
        target="late",
        classes=("false", "true"),
        threshold=0.25,
        estimator="logistic",
        metrics={"roc_auc": Metric(value=0.7, low=0.69, high=0.71, confidence=0.95)},
        train_rows=1000,
        data_digest=data_digest,
        commit="0" * 40,
        logged_features=("distance",),
    )
    write_json(build.challenger / "model.json", made)
    return model_digest(build.challenger)


def write_manifest(build: Build, left_out: str = "tailnum") -> None:
    manifest = MANIFEST.model_copy(
        update={"left_out": (LeftOut(column=left_out, reason="an identifier"),), "digest": DATA_DIGEST}
    )
    write_json(build.stage("data") / "data.json", manifest)


def decision(challenger: str, *, promote: bool = True, text: str = "carrier", has_champion: bool = True) -> Decision:
    figure = Interval(value=0.74, low=0.73, high=0.75)
    difference = Interval(value=0.002, low=-0.004, high=0.008)
    comparison = Comparison(
        metric="roc_auc",
        title="ROC AUC",
        higher_is_better=True,
        challenger=figure,
        champion=figure if has_champion else None,
        difference=difference if has_champion else None,
        baseline=0.5,
        margin=0.01,
        outcome="equivalent" if has_champion else "no champion",
        decides=True,
        method="paired",
    )
    return Decision(
        decision="promote" if promote else "reject",
        reasons=(f"A sentence about {text}.",),
        metric="roc_auc",
        challenger=challenger,
        champion=CHAMPION if has_champion else "",
        data_digest=DATA_DIGEST,
        settings=SETTINGS,
        commit="0" * 40,
        holdout_rows=300,
        clusters=30,
        evaluation=2,
        confidence=0.975,
        detectable_difference=0.011,
        comparisons=(comparison,),
        checks=(Check(name="floor", passed=promote, seen=f"0.74 {text}", required="0.6", remedy="Lower it."),),
        slices=(SliceComparison(column=text, value="AA", rows=90, challenger=0.7, champion=0.8, outcome="worse"),),
    )


def plots() -> Plots:
    """What the gate draws of a binary challenger that says too little for the rows it is surest of."""
    roc = Curve(name="challenger", x=(0.0, 0.25, 0.5, 1.0), y=(0.0, 0.6, 0.85, 1.0))
    calibration = Curve(name="challenger", x=(0.02, 0.1, 0.2, 0.4), y=(0.02, 0.11, 0.24, 0.55))
    rates = {"x": "false positive rate", "y": "true positive rate", "has_diagonal": True}
    means = {"x": "mean predicted probability", "y": "observed share", "has_diagonal": True}
    return Plots.model_validate(
        {"plots": {
            "roc": {"title": "ROC curve", "curves": (roc,)} | rates,
            "calibration": {"title": "Calibration", "curves": (calibration,)} | means,
        }}
    )  # fmt: skip


def load_verdict(model: str, verdict: str = "pass") -> LoadVerdict:
    return LoadVerdict.model_validate(
        {"verdict": verdict, "reasons": (), "model": model, "target": "process", "requests": 4000, "failures": 0}
        | {"data_digest": DATA_DIGEST, "settings": SETTINGS}
        | {"seconds": 20, "requests_per_second": 200, "p50_ms": 1.5, "p95_ms": 2.5, "p99_ms": 4, "largest_ms": 9}
        | {"cpu_us_per_request": 300, "peak_mb": 95, "checks": ()}
    )


def paired_run() -> PairedRun:
    """A challenger that costs a fifth more than its champion."""
    ratio = {"figure": "cpu", "unit": "us", "challenger": 488, "champion": 400, "ratio": 1.22}
    return PairedRun.model_validate(
        {"champion": CHAMPION, "served": "the champion's own image", "blocks": 20, "block_seconds": 1}
        | {"confidence": 0.95, "max_ratio": 1.1, "failures": 0}
        | {"ratios": ({**ratio, "low": 1.18, "high": 1.26, "passed": False},)}
    )


def drift_verdict(model: str, column: str = "temp") -> DriftVerdict:
    moved = ColumnComparison(
        column=column, kind="feature", method="wasserstein", distance=0.8, threshold=0.25, drifted=True
    )
    return DriftVerdict.model_validate(
        {"state": "drift", "reasons": (f"{column} moved.",), "model": model, "traffic": "replay"}
        | {"data_digest": DATA_DIGEST, "settings": SETTINGS}
        | {"reference_rows": 5000, "current_rows": 4000, "current_first": "", "current_last": "", "torn_lines": 0}
        | {"repeated_ids": 0, "other_models": 0, "inputs": "drift", "predictions": "stable", "columns": (moved,)}
    )


def whole_run(root: Path, text: str = "carrier") -> Build:
    """Every stage's files, all of one model; `text` stands wherever a text from outside can stand."""
    build = Build(root)
    digest = write_card(build)
    write_manifest(build, left_out=text)
    for stage in CHAIN:
        write_record(build, stage, headline=f"as planned, {text}")
    write_json(build.stage("evaluate") / "decision.json", decision(digest, text=text))
    write_json(build.stage("load-test") / "verdict.json", load_verdict(digest))
    write_json(build.stage("drift") / "verdict.json", drift_verdict(digest, column=text))
    return build


def pass_every_stage(build: Build, config: Config = CONFIG, image: Image | None = None) -> None:
    """What the stages write when they pass for the challenger that is there, and for its image; without a champion."""
    digest, made, settings = model_digest(build.challenger), read_card(build.challenger), settings_digest(config)
    write_manifest(build)
    for stage in CHAIN:
        if not (build.stage(stage) / "stage.json").exists():
            write_record(build, stage, settings=settings)
    of = {"settings": settings, "data_digest": made.data_digest}
    passed = decision(digest, has_champion=False).model_copy(update=of | {"commit": made.commit})
    write_json(build.stage("evaluate") / "decision.json", passed)
    if image is not None:
        write_json(build.stage("build") / "image.json", image)
    if "load-test" in CHAIN:
        target = {"target": "image", "image": image.image_id} if image else {}
        write_json(build.stage("load-test") / "verdict.json", load_verdict(digest).model_copy(update=of | target))
    if "drift" in CHAIN:
        write_json(build.stage("drift") / "verdict.json", drift_verdict(digest).model_copy(update=of))
