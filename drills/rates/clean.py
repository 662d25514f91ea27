"""How often the gate's plausibility checks refuse a clean challenger: small tables, fast models, the checks' own code.

    python -m drills.rates.clean

Each table is drawn anew: rows of 60 or 90 days whose days differ, or rows without time; two classes, three, or a value;
one to eight columns that tell something, and as many that do not. Champion and challenger are of one kind: the champion
has older rows, the challenger all rows before the holdout. Both are honest, so every refusal is false.

Reads   nothing
Writes  drills/rates/clean.json; docs/drills.md between its marks
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold

from contracts.data_manifest import DataManifest, Table
from contracts.decision import Check
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, ExportProof, Metric, ModelCard
from contracts.outside.handbook import write_between
from contracts.pipeline_toml.keys import METRICS_OF_TASK, Config, Task
from contracts.schema import Schema, write_json
from drills.rates.proportion import Proportion
from training import tables
from training.fitting.threshold import cheapest_threshold
from training.judging.checks.decision_cost import decision_checks
from training.judging.checks.out_of_fold import label_checks, out_of_fold_checks
from training.judging.checks.too_good import too_good_check
from training.judging.comparisons import Contest, compare_all
from training.judging.contestants import Answers
from training.statistics.intervals import interval

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_name("clean.json")
DOCUMENT = ROOT / "docs" / "drills.md"
BEGIN, END = "<!-- clean rates: begin -->", "<!-- clean rates: end -->"
SEEDS = 240
HOLDOUT = 0.3
CLASSES: dict[Task, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
MARGIN = {"roc_auc": 0.01, "log_loss": 0.02, "rmse": 0.1}
Numbers = npt.NDArray[np.float64]


class CheckRefusals(Schema):
    """How many clean challengers one check refused."""

    check: str
    refused: int


class Refusals(Schema):
    """Of so many clean challengers, how many each check refused, and how many were refused by any."""

    challengers: int
    checks: tuple[CheckRefusals, ...]
    by_any: int


@dataclass(frozen=True)
class Drawn:
    """One table. x: [rows, columns]; truth: [rows]; day: [rows], or None."""

    task: Task
    x: Numbers
    truth: npt.NDArray[np.float64]
    day: npt.NDArray[np.int64] | None


def main() -> None:
    """Measure, and write it down."""
    seen = measure(SEEDS)
    write_json(RECORD, seen)
    write_between(DOCUMENT, BEGIN, END, table(seen))
    print(table(seen))


def measure(seeds: int) -> Refusals:
    """So many tables, one clean challenger each."""
    refused: dict[str, int] = {}
    by_any = 0
    for seed in range(seeds):
        checks = list(checks_of(draw(seed)))
        for check in checks:
            refused[check.name] = refused.get(check.name, 0) + (not check.passed)
        by_any += any(not check.passed for check in checks)
    return Refusals(
        challengers=seeds,
        checks=tuple(CheckRefusals(check=name, refused=count) for name, count in sorted(refused.items())),
        by_any=by_any,
    )


def table(seen: Refusals) -> str:
    """In Markdown."""
    lines = ["| check | clean challengers refused |", "| --- | --- |"]
    lines += [f"| {one.check} | {Proportion(one.refused, seen.challengers)} |" for one in seen.checks]
    return "\n".join([*lines, f"| any of them | {Proportion(seen.by_any, seen.challengers)} |"])


def draw(seed: int) -> Drawn:
    """Rows in order of time, where there is one; days have an effect of their own on inputs and answer."""
    random = np.random.default_rng(seed)
    tasks: tuple[Task, ...] = ("binary", "binary", "multiclass", "regression")
    task = tasks[seed % 4]
    days = (60, 90)[seed % 2] if seed % 3 else 0
    rows = days * int(random.integers(40, 120)) if days else int(random.integers(400, 4000))
    told = int(random.integers(1, 9))
    x = random.normal(size=(rows, 2 * told))
    day = np.sort(random.integers(0, days, rows)) if days else None
    shift = np.zeros(rows) if day is None else random.normal(scale=0.3, size=days)[day]
    x[:, 0] += shift
    strength = x[:, :told] @ random.normal(scale=1.5 / np.sqrt(told), size=told) + shift + random.normal(scale=0.5)
    return Drawn(task, x, _answers(task, strength, random), day)


def checks_of(drawn: Drawn) -> Iterator[Check]:
    """Every check on a champion of older rows and a challenger of all of them."""
    rows = len(drawn.truth)
    order = np.arange(rows) if drawn.day is not None else np.random.default_rng(0).permutation(rows)
    begin = int(rows * (1 - HOLDOUT))
    if drawn.day is not None:
        begin = int(np.searchsorted(drawn.day, drawn.day[begin]))
    train, holdout = order[:begin], order[begin:]
    older = train[: int(0.8 * len(train))]
    config, manifest = _config(drawn.task), _manifest(drawn)
    challenger, reference = _judged(drawn, train, manifest)
    champion, _ = _judged(drawn, older, manifest)
    clusters = None if drawn.day is None else drawn.day[holdout]
    challenger_says, champion_says = (
        Answers(_predict(drawn, fitted, holdout), card.threshold)
        for fitted, card in ((train, challenger), (older, champion))
    )
    truth = drawn.truth[holdout] if drawn.task == "regression" else drawn.truth[holdout].astype(np.int64)
    contest = Contest(truth, clusters, challenger_says, champion_says)
    figures = compare_all(contest, drawn.task, config.gate, config.gate.confidence, has_champion=True)
    deciding = next(one for one in figures.comparisons if one.decides)
    before = tables.Table("train", _frame(drawn, train), manifest)
    after = tables.Table("holdout", _frame(drawn, holdout), manifest)
    yield from out_of_fold_checks(contest, challenger, champion, deciding, config.gate)
    yield from label_checks(before, after, config.gate)
    yield from too_good_check(contest, challenger, champion, deciding, config.gate, before, after)
    yield from decision_checks(contest, challenger, champion, reference, config)


def _answers(task: Task, strength: Numbers, random: np.random.Generator) -> Numbers:
    if task == "regression":
        return strength + random.normal(size=len(strength))
    if task == "binary":
        return (random.random(len(strength)) < 1 / (1 + np.exp(-strength))).astype(np.float64)
    noisy = strength + random.normal(size=len(strength))
    return np.searchsorted(np.quantile(noisy, [0.4, 0.75]), noisy).astype(np.float64)


def _fit(drawn: Drawn, rows: npt.NDArray[np.int64]) -> LogisticRegression | Ridge:
    if drawn.task == "regression":
        return Ridge().fit(drawn.x[rows], drawn.truth[rows])
    return LogisticRegression(max_iter=200).fit(drawn.x[rows], drawn.truth[rows])


def _predict(drawn: Drawn, fitted_on: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Numbers:
    model = _fit(drawn, fitted_on)
    said = model.predict(drawn.x[rows]) if drawn.task == "regression" else model.predict_proba(drawn.x[rows])
    return np.asarray(said, dtype=np.float64)


def _judged(drawn: Drawn, rows: npt.NDArray[np.int64], manifest: DataManifest) -> tuple[ModelCard, pd.DataFrame]:
    """The card with its out-of-fold figures as the train stage has them, and the reference."""
    if drawn.day is None:
        folds = [(rows[fit], rows[judge]) for fit, judge in KFold(3, shuffle=True, random_state=0).split(rows)]
    else:
        parts = np.array_split(rows, 4)
        folds = [(np.concatenate(parts[:number]), parts[number]) for number in (1, 2, 3)]
    judged = np.concatenate([judge for _, judge in folds])
    predicted = np.concatenate([_predict(drawn, fit, judge) for fit, judge in folds])
    truth, metric = drawn.truth[judged], METRIC[drawn.task]
    threshold = cheapest_threshold(truth == 1, predicted[:, 1], 1.0, 1.0) if drawn.task == "binary" else None
    seen = interval(
        metric, truth if drawn.task == "regression" else truth.astype(np.int64), predicted,
        None if drawn.day is None else drawn.day[judged], confidence=0.95, threshold=threshold,
    )  # fmt: skip
    card = ModelCard(
        name="drawn", task=drawn.task, target="answer", features=manifest.features, classes=manifest.classes,
        positive=manifest.positive, threshold=threshold, estimator="linear", parameters={},
        metrics={metric: Metric(value=seen.value, low=seen.low, high=seen.high, confidence=0.95)},
        train_rows=len(rows), data_digest="", commit="", versions={},
        proof=ExportProof(rows=1, boundary_rows=0, label_flips=0, largest_difference=0.0), max_batch_rows=1,
        logged_features=(), gate={}, files={},
    )  # fmt: skip
    said = predicted[:, 1] if drawn.task == "binary" else np.zeros(len(judged))
    return card, _frame(drawn, judged).assign(**{PREDICTION_COLUMN: said.astype(np.float32)})


def _frame(drawn: Drawn, rows: npt.NDArray[np.int64]) -> pd.DataFrame:
    frame = pd.DataFrame({f"x{at}": drawn.x[rows, at].astype(np.float32) for at in range(drawn.x.shape[1])})
    classes = CLASSES[drawn.task]
    values = drawn.truth[rows]
    frame["answer"] = np.array(classes)[values.astype(np.int64)] if classes else values
    if drawn.day is not None:
        frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(drawn.day[rows], unit="D")
    return frame


def _manifest(drawn: Drawn) -> DataManifest:
    features = tuple(Feature(name=f"x{at}", kind="numeric") for at in range(drawn.x.shape[1]))
    return DataManifest(
        source="drawn", source_sha256="", task=drawn.task, target="answer", classes=CLASSES[drawn.task],
        positive="yes" if drawn.task == "binary" else "", time="" if drawn.day is None else "at", features=features,
        tables={"holdout": Table(rows=0, digest="")}, digest="",
    )  # fmt: skip


def _config(task: Task) -> Config:
    metric = METRIC[task]
    assert metric in METRICS_OF_TASK[task]
    return Config.model_validate(
        {
            "project": {"name": "drawn"},
            "data": {"source": "drawn", "target": "answer", "task": task},
            "training": {"candidates": ["logistic"], "metric": metric},
            "gate": {"metric": metric, "margin": MARGIN[metric]},
        }
    )


if __name__ == "__main__":
    main()
