"""The situations that the pages show, each as the files that stages leave: real schemas, likely figures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from contracts.data_manifest import DataManifest, LeftOut, Table, TableName
from contracts.decision import Check, Comparison, Curve, Decision, Interval, Outcome, Plots, SliceComparison
from contracts.features import Feature
from contracts.model_figures import ClassFigures, FeatureImportance, ModelFigures
from contracts.model_folder import Metric, model_digest
from contracts.release import Deployment
from contracts.schema import Task, read_json, write_json
from contracts.stage import Build, StageName, StageRecord
from contracts.verdict import ColumnComparison, DriftVerdict, EstimatedPerformance, LoadVerdict, PairedRun
from testbed.cards import card
from tests.reports.run_histories import append, write_image

CHAMPION = "sha256:" + "c" * 64
OTHER = "sha256:" + "e" * 64
DATA = "sha256:" + "d" * 64
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
LONG = "minutes_of_delay_at_the_previous_airport_of_the_same_aircraft_on_the_same_day_" * 3
# metric, title, more is better, challenger, half width, champion, baseline
Figure = tuple[str, str, bool, float, float, float, float | None]
BINARY: tuple[Figure, ...] = (
    ("roc_auc", "ROC AUC", True, 0.743, 0.018, 0.741, 0.5),
    ("average_precision", "Average precision", True, 0.312, 0.05, 0.309, 0.088),
    ("brier", "Brier score", False, 0.0748, 0.004, 0.0751, 0.0803),
    ("log_loss", "Log loss", False, 0.278, 0.011, 0.279, 0.298),
    ("accuracy", "Accuracy", True, 0.848, 0.012, 0.846, 0.912),
    ("recall", "Recall", True, 0.45, 0.06, 0.44, 0.0),
)
MULTICLASS: tuple[Figure, ...] = (
    ("accuracy", "Accuracy", True, 0.962, 0.021, 0.951, 0.402),
    ("roc_auc", "ROC AUC", True, 0.995, 0.004, 0.994, 0.5),
    ("log_loss", "Log loss", False, 0.121, 0.031, 0.133, 1.09),
    ("f1", "F1", True, 0.958, 0.024, 0.949, 0.191),
)
REGRESSION: tuple[Figure, ...] = (
    ("rmse", "RMSE", False, 53.2, 3.1, 54.1, 77.4),
    ("mae", "MAE", False, 41.3, 2.6, 42.0, 66.1),
    ("r2", "R²", True, 0.523, 0.05, 0.507, 0.0),
)
CLASSES: dict[Task, tuple[str, ...]] = {
    "binary": ("false", "true"),
    "multiclass": ("setosa", "versicolor", "virginica"),
    "regression": (),
}
CHECKS = ("training data", "table contract", "export parity", "single feature", "floor of roc_auc", "calibration")


def first_run(root: Path) -> Build:
    """Everything passes, and there is no champion and no container engine."""
    return _run(root, outcome="no champion", skipped=True)


def promoted(root: Path) -> Build:
    """A challenger that is significantly better."""
    return _run(root, outcome="better", change=0.012)


def equivalent(root: Path) -> Build:
    """A challenger within the margin."""
    return _run(root, outcome="equivalent", change=0.002)


def rejected(root: Path) -> Build:
    """A challenger that is worse than the margin, and whose probabilities are off."""
    return _run(root, outcome="worse", change=-0.019, broken=("calibration",), worse_slices=("HA", "YV"))


def inconclusive(root: Path) -> Build:
    """Rows that cannot tell."""
    return _run(root, outcome="inconclusive", change=-0.004)


def slower(root: Path) -> Build:
    """A challenger that passes the gate and is slower than the champion."""
    build = _run(root, outcome="better", change=0.012, until="load-test")
    model = model_digest(build.challenger)
    codes = {"verdict": "fail", "reasons": ("CPU a request 488 µs, champion 400 µs.",), "reason_codes": ("slower_cpu",)}
    write_json(build.stage("load-test") / "verdict.json", _load(model, CHAMPION).model_copy(update=codes))
    _record(build, "load-test", "fail", "CPU a request is 1.22 times the champion's [1.18, 1.26].", 3)
    return build


def drift_found(root: Path) -> Build:
    """A promoted challenger, and inputs that moved."""
    return _run(root, outcome="equivalent", change=0.002, drifted=("temp", "dewp", "origin"))


def stale(root: Path) -> Build:
    """Train ran again; load test and drift are of the model before."""
    build = _run(root, outcome="equivalent", change=0.002)
    write_json(build.stage("load-test") / "verdict.json", _load(OTHER, CHAMPION))
    write_json(build.stage("drift") / "verdict.json", _drift(OTHER, ()))
    return build


def stopped(root: Path) -> Build:
    """A chain that ended at train."""
    build = Build(root)
    _record(build, "data", "pass", "train 217,727, holdout 27,010, replay 27,702 rows; 15 features")
    _record(build, "train", "refused", "The export flips 12 labels of 27,010. See docs/models.md.", 3)
    return build


def multiclass(root: Path) -> Build:
    """Three classes."""
    return _run(root, outcome="better", change=0.011, task="multiclass", figures=MULTICLASS, half=0.009, margin=0.02)


def regression(root: Path) -> Build:
    """A value."""
    return _run(root, outcome="better", change=-0.9, task="regression", figures=REGRESSION, half=0.6, margin=1.5)


def sixty_slices(root: Path) -> Build:
    """A table with sixty slices, three of them worse."""
    return _run(
        root, outcome="equivalent", change=0.002, slices=60, worse_slices=("9E", "DL", "UA"), broken=("slices",)
    )


def long_names(root: Path) -> Build:
    """Names of columns, classes and slices that have no space to break at."""
    return _run(root, outcome="equivalent", change=0.002, drifted=(LONG,), name=LONG)


SCENES: dict[str, Callable[[Path], Build]] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (
        first_run, promoted, equivalent, rejected, inconclusive, slower, drift_found, stale, stopped, multiclass,
        regression, sixty_slices, long_names,
    )
}  # fmt: skip


def past(root: Path) -> Path:
    """A history of two weeks: deploys, a rejection, a watch a day that finds drift at last, a retrain, a rollback."""
    history = root / "history"
    runs: tuple[tuple[int, Callable[[Path], Build], str], ...] = (
        (0, first_run, "2013-10-01"), (2, equivalent, "2013-10-01"), (3, rejected, "2013-10-01"),
        (6, promoted, "2013-10-01"), (10, drift_found, "2013-11-01"), (12, slower, "2013-11-01"),
    )  # fmt: skip
    for day, scene, as_of in runs:
        build = scene(root / f"run-{day}")
        manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
        write_json(build.stage("data") / "data.json", manifest.model_copy(update={"as_of": as_of}))
        if day in (0, 6, 10):
            model = model_digest(build.challenger)
            said = Deployment(model=model, previous=CHAMPION if day else "", reason="Every stage passed for it.")
            write_json(build.stage("deploy") / "deployed.json", said)
        append(history, build, day, "run")
    for day in range(14):
        watch = Build(root / f"watch-{day}")
        _record(watch, "drift", "stable", "")
        write_json(
            watch.stage("drift") / "verdict.json", _drift("sha256:" + "a" * 64, ("temp", "dewp") if day > 11 else ())
        )
        append(history, watch, day, "drift")
    back = Build(root / "back")
    _record(back, "deploy", "deployed", "")
    write_json(back.stage("deploy") / "deployed.json", Deployment(model=model, reason="p95 doubled; back to what ran."))
    append(history, back, 13, "rollback")
    return history


def _run(
    root: Path,
    *,
    outcome: Outcome,
    change: float = 0.0,
    task: Task = "binary",
    figures: Sequence[Figure] = BINARY,
    half: float = 0.007,
    margin: float = 0.01,
    broken: Sequence[str] = (),
    worse_slices: Sequence[str] = (),
    slices: int = 16,
    drifted: Sequence[str] = (),
    skipped: bool = False,
    until: StageName | None = None,
    name: str = "",
) -> Build:
    """A whole chain's files, of one model."""
    build = Build(root)
    has_champion = outcome != "no champion"
    features = _features(name)
    model = _card(build, task, features, figures[0], name)
    _manifest(build, task, features, name)
    promote = outcome in ("better", "equivalent", "no champion") and not broken
    compared = [_compared(one, number, change, half, margin, outcome) for number, one in enumerate(figures)]
    decision = Decision(
        decision="promote" if promote else "reject",
        reasons=(_reason(compared[0], promote=promote, task=task),),
        metric=figures[0][0],
        challenger=model,
        champion=CHAMPION if has_champion else "",
        data_digest=DATA,
        settings=DATA,
        commit="0" * 40,
        holdout_rows=27_010,
        holdout_first="2013-09-01T05:15:00",
        holdout_last="2013-09-30T23:59:00",
        clusters=30,
        evaluation=2,
        confidence=0.9875,
        detectable_difference=0.011 if has_champion else None,
        baseline="each class's share of all train rows" if task != "regression" else "the mean of all train rows",
        comparisons=tuple(compared),
        checks=tuple(_checks(task, broken)),
        slices=tuple(_slices(slices, worse_slices, has_champion=has_champion, column=name or "carrier")),
    )
    write_json(build.stage("evaluate") / "decision.json", decision)
    write_json(build.stage("evaluate") / "plots.json", _plots(task, has_champion=has_champion))
    write_json(build.stage("evaluate") / "model_figures.json", _figures(model, task, features, figures[0][0]))
    _record(build, "data", "pass", "train 217,727, holdout 27,010, replay 27,702 rows of training.flights:load")
    _record(
        build, "train", "pass", "hist_gradient_boosting, 0.733 [0.713, 0.754] out of fold on 163,223 rows", seconds=26
    )
    _record(build, "evaluate", "promote" if promote else "reject", decision.reasons[0], 0 if promote else 3)
    if not promote:
        return build
    if not skipped:
        write_image(build, model)
    why = "There is no container engine. The load test takes the same service as a process."
    _record(
        build, "build", *(("skipped", why) if skipped else ("built", "flights:sha-f10061c: 449 MB, 166 compressed"))
    )
    if until != "load-test":
        _record(build, "load-test", "pass", "4,000 requests at 200/s, 0 failed; p50 0.74 ms, p95 1.43 ms", seconds=26)
        served = "a process" if skipped else "the image that was built"
        loaded = _load(model, CHAMPION if has_champion else "").model_copy(update={"served": served})
        write_json(build.stage("load-test") / "verdict.json", loaded)
        verdict = _drift(model, drifted)
        if task != "binary":
            verdict = verdict.model_copy(update={"estimated": None})
        write_json(build.stage("drift") / "verdict.json", verdict)
        _record(build, "drift", verdict.state, f"{len(drifted)} of 15 columns over their threshold", seconds=11)
    return build


def _record(build: Build, stage: StageName, verdict: str, said: str, code: int = 0, seconds: float = 3) -> None:
    record = StageRecord(stage=stage, exit_code=code, verdict=verdict, headline=said, seconds=seconds, peak_mb=312.4)
    write_json(build.stage(stage) / "stage.json", record)


def _features(name: str) -> tuple[Feature, ...]:
    numeric = [Feature(name=one, kind="numeric", minimum=0.0, maximum=104.5) for one in ("temp", "dewp", "distance")]
    categories = (*CARRIERS, name) if name else CARRIERS
    return (*numeric, Feature(name=name or "carrier", kind="categorical", categories=categories, missing_share=0.012))


def _card(build: Build, task: Task, features: Sequence[Feature], first: Figure, name: str) -> str:
    made = card(
        features,
        task,
        name=name[:63] or {"binary": "flights", "multiclass": "iris", "regression": "diabetes"}[task],
        target=name or {"binary": "late", "multiclass": "species", "regression": "progression"}[task],
        classes=CLASSES[task],
        estimator="hist_gradient_boosting",
        parameters={"learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 7, "l2_regularization": 0.0},
        metrics={first[0]: Metric(value=first[3], low=first[3] - first[4], high=first[3] + first[4], confidence=0.95)},
        train_rows=217_727,
        train_first="2013-01-01T05:15:00",
        train_last="2013-08-31T23:59:00",
        data_digest=DATA,
        commit="0" * 40,
        logged_features=tuple(one.name for one in features),
    )
    write_json(build.challenger / "model.json", made)
    return model_digest(build.challenger)


def _manifest(build: Build, task: Task, features: tuple[Feature, ...], name: str) -> None:
    tables: dict[TableName, Table] = {
        "train": Table(rows=217_727, digest="sha256:1"),
        "holdout": Table(rows=27_010, digest="sha256:2"),
    }
    manifest = DataManifest(
        source="training.flights:load", source_sha256="0" * 64, task=task, target=name or "late", features=features,
        left_out=(LeftOut(column=name or "month", reason="is listed in features.exclude"),), tables=tables, digest=DATA,
        as_of="2013-10-01",
    )  # fmt: skip
    write_json(build.stage("data") / "data.json", manifest)


def _compared(figure: Figure, number: int, change: float, half: float, margin: float, outcome: Outcome) -> Comparison:
    metric, title, more, value, width, champion, baseline = figure
    decides = number == 0
    moved = change if decides else (value - champion)
    old = value - change if decides else champion
    reach = half if decides else width / 3
    gained = moved if more else -moved
    told: Outcome = "inconclusive" if abs(moved) <= reach else "better" if gained > 0 else "worse"
    others: Outcome = "no champion" if outcome == "no champion" else told
    has_champion = outcome != "no champion"
    return Comparison(
        metric=metric, title=title, higher_is_better=more, challenger=_around(value, width),
        champion=_around(old, width) if has_champion else None,
        difference=_around(moved, reach) if has_champion else None,
        baseline=baseline, over_baseline=None if baseline is None else _around(value - baseline, width),
        margin=margin if decides else None, outcome=outcome if decides else others, decides=decides, method="paired",
    )  # fmt: skip


def _around(value: float, half: float) -> Interval:
    return Interval(value=round(value, 6), low=round(value - half, 6), high=round(value + half, 6))


def _reason(one: Comparison, *, promote: bool, task: Task) -> str:
    against = f", champion {one.champion.value:.3f}" if one.champion else "; there is no champion"
    ruling = "promoted" if promote else "rejected"
    return f"Challenger {ruling}: {one.metric} {one.challenger.value:.3f}{against} ({task})."


def _checks(task: Task, broken: Sequence[str]) -> Iterator[Check]:
    names = [name for name in CHECKS if task == "binary" or name != "calibration"]
    for name in [*names, *(one for one in broken if one not in names)]:
        error = "0.112" if "calibration" in broken else "0.048"
        seen = {"calibration": f"calibration error {error}", "slices": "60 judged, of which 3 worse; 0 shown only"}
        required = {
            "calibration": "at most 0.080 (gate.max_calibration_error in pipeline.toml)",
            "slices": "none worse by more than gate.slice_margin, with gate.slice_min_rows (pipeline.toml)",
        }
        remedy = {"calibration": "Its probabilities are not the observed rates: calibrate the candidate."}
        yield Check(
            name=name, passed=name not in broken, seen=seen.get(name, "as expected"),
            required=required.get(name, "as docs/gate.md says"),
            remedy=remedy.get(name, ""),
        )  # fmt: skip


def _slices(number: int, worse: Sequence[str], *, has_champion: bool, column: str) -> Iterator[SliceComparison]:
    values = [*CARRIERS, *(f"airport {place:02}" for place in range(60))][:number]
    for place, value in enumerate(values):
        lost = value in worse
        difference = _around(-0.082 if lost else 0.003 * ((place % 5) - 2), 0.02)
        is_judged = has_champion and place % 7 != 6
        yield SliceComparison(
            column=column, value=value, rows=4_200 - 60 * place, challenger=0.71 - (0.08 if lost else 0),
            champion=0.712 if has_champion else None, difference=difference if is_judged else None,
            outcome="worse" if lost else "equivalent" if has_champion else "no champion",
        )  # fmt: skip


def _figures(model: str, task: Task, features: tuple[Feature, ...], metric: str) -> ModelFigures:
    losses = [_around(0.06 / (place + 1) ** 2 - 0.002, 0.004) for place in range(len(features))]
    counts = {"binary": ((21_833, 2_800), (1_307, 1_070)), "multiclass": ((90, 0, 0), (0, 84, 5), (0, 4, 87))}.get(
        task, ()
    )
    names = CLASSES[task]
    decided = [sum(row[place] for row in counts) for place in range(len(counts))]
    classes = [
        ClassFigures(name=name, rows=sum(counts[at]), decided=decided[at], precision=counts[at][at] / decided[at],
                     recall=counts[at][at] / sum(counts[at]), f1=2 * counts[at][at] / (decided[at] + sum(counts[at])))
        for at, name in enumerate(names)
    ]  # fmt: skip
    return ModelFigures(
        model=model, metric=metric, features=features, estimator="hist_gradient_boosting", parameters={},
        importance_rows=5000, classes=tuple(classes), confusion=counts,
        importances=tuple(
            FeatureImportance(feature=one.name, loss=loss) for one, loss in zip(features, losses, strict=True)
        ),
    )  # fmt: skip


def _plots(task: Task, *, has_champion: bool) -> Plots:
    names = ("champion", "challenger") if has_champion else ("challenger",)
    share = [place / 20 for place in range(21)]
    if task == "regression":
        bins = tuple(40.0 + 25 * place for place in range(10))
        predicted = [Curve(name=name, x=bins, y=tuple(x * 1.04 - 9 for x in bins)) for name in names]
        spread = [Curve(name=name, x=tuple(-100 + 20.0 * place for place in range(11)), y=_bell()) for name in names]
        return Plots.model_validate({"plots": {
            "residuals": _plot("Residuals", "predicted - observed", "share of rows", spread, diagonal=False),
            "predicted": _plot("Predicted and observed", "mean predicted", "mean observed", predicted),
        }})  # fmt: skip
    roc = [
        Curve(name=name, x=tuple(share), y=tuple(x ** (0.42 if name == "challenger" else 0.46) for x in share))
        for name in names
    ]
    means = (0.03, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18, 0.24, 0.48)
    off = (0.024, 0.034, 0.032, 0.05, 0.055, 0.07, 0.072, 0.1, 0.115, 0.34)
    calibration = [
        Curve(name=name, x=means, y=tuple(y * (1.0 if name == "challenger" else 1.12) for y in off)) for name in names
    ]
    return Plots.model_validate({"plots": {
        "roc": _plot("ROC curve", "false positive rate", "true positive rate", roc),
        "calibration": _plot("Calibration", "mean predicted probability", "observed share", calibration),
    }})  # fmt: skip


def _plot(title: str, x: str, y: str, curves: Sequence[Curve], *, diagonal: bool = True) -> dict[str, Any]:
    return {"title": title, "x": x, "y": y, "has_diagonal": diagonal, "curves": tuple(curves)}


def _bell() -> tuple[float, ...]:
    return (0.01, 0.03, 0.07, 0.12, 0.16, 0.2, 0.17, 0.12, 0.07, 0.03, 0.02)


def _load(model: str, champion: str) -> LoadVerdict:
    ratio = {"figure": "p50", "unit": "ms", "challenger": 0.74, "champion": 0.73, "ratio": 1.014}
    ratios = (
        ratio | {"low": 0.98, "high": 1.05, "passed": True},
        ratio | {"figure": "p95", "challenger": 1.43, "champion": 1.41, "low": 0.95, "high": 1.08, "passed": True},
        ratio | {"figure": "cpu", "unit": "us", "challenger": 398, "champion": 395, "low": 0.99, "high": 1.03}
        | {"passed": True},
    )  # fmt: skip
    paired = PairedRun.model_validate(
        {"champion": champion, "served": "the champion's own image", "blocks": 20, "block_seconds": 1.0}
        | {"confidence": 0.95, "max_ratio": 1.1, "failures": 0, "ratios": ratios}
    )
    return LoadVerdict.model_validate(
        {"verdict": "pass", "reasons": (), "model": model, "target": "image", "served": "the image that was built"}
        | {"requests": 4000, "failures": 0, "seconds": 20, "requests_per_second": 200, "p50_ms": 0.74, "p95_ms": 1.43}
        | {
            "data_digest": DATA,
            "settings": DATA,
            "p99_ms": 4.22,
            "largest_ms": 9.1,
            "cpu_us_per_request": 398,
            "peak_mb": 101,
            "checks": (),
        }
        | {"paired": paired if champion else None}
    )


def _drift(model: str, moved: Sequence[str]) -> DriftVerdict:
    columns = [
        ColumnComparison(
            column=name, kind="feature", method="wasserstein", threshold=0.129,
            distance=0.31 if name in moved else 0.06, drifted=name in moved, by_chance=0.051, historic=0.129,
            effect=0.1,
        )
        for name in dict.fromkeys((*moved, "temp", "dewp", "origin", "carrier", "distance"))
    ]  # fmt: skip
    columns.append(
        ColumnComparison(column="prediction", kind="prediction", method="wasserstein", distance=0.24, threshold=0.67,
                         drifted=False, by_chance=0.05, historic=0.67, effect=0.1)
    )  # fmt: skip
    reasons = [f"Inputs moved: {len(moved)} of 15 columns are over their threshold." if moved else "Inputs are stable."]
    return DriftVerdict(
        state="drift" if moved else "stable", reasons=tuple(reasons), model=model,
        data_digest=DATA, settings=DATA,
        reference_rows=5000, current_rows=4400,
        traffic="replay of the table's next window, 2013-10-01 to 2013-10-30", current_first="", current_last="",
        torn_lines=0, repeated_ids=0, other_models=0, inputs="drift" if moved else "stable", predictions="stable",
        columns=tuple(columns), false_alarm_rate=0.05,
        estimated=EstimatedPerformance(
            metric="roc_auc", rows=4400, reference=0.733, estimate=0.712, low=0.69, high=0.733,
            assumption="The probabilities are right.",
        ),
    )  # fmt: skip
