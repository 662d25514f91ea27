"""The floor that every model has to pass: how often a model with signal fails it, and one without signal passes.

Each table is drawn anew and split as in the data stage (a quarter is the holdout), and a linear model is fitted on the
rest. The signal is so strong that the best model reaches the figure in the second column.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge

from contracts.data_manifest import DataManifest
from contracts.pipeline_toml.keys import Gate
from contracts.schema import Schema, Task
from drills.rates.proportion import Proportion
from training.judging.baseline import baseline_of
from training.judging.checks.skill import baseline_check
from training.judging.comparisons import ComparedMetrics, PairedPredictions, compare
from training.judging.scored_models import Predictions
from training.statistics.metrics import FloatArray
from training.tables import Table

SEEDS = 60
COLUMNS = 5
ROWS = (150, 300, 500, 2000)
CLASSES: dict[Task, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
# The signal's strength in one column, with noise of 1; the first has no signal.
STRENGTHS: dict[Task, dict[float, str]] = {
    "binary": {0.0: "AUC 0.5", 0.8: "AUC 0.67", 1.4: "AUC 0.78", 2.5: "AUC 0.88"},
    "multiclass": {0.0: "AUC 0.5", 0.6: "AUC 0.66", 1.2: "AUC 0.8"},
    "regression": {0.0: "R² 0", 0.35: "R² 0.1", 0.65: "R² 0.3", 1.0: "R² 0.5"},
}
METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "roc_auc", "regression": "rmse"}


class FloorRate(Schema):
    """How many of `models` the floor refused, at one table size and strength."""

    task: str
    strength: str
    has_signal: bool
    rows: int
    models: int
    refused: int


def floor_rates() -> Iterator[FloorRate]:
    """The rates for each task, strength and size."""
    for task, strengths in STRENGTHS.items():
        for strength, name in strengths.items():
            for rows in ROWS:
                refused = sum(_is_refused(task, strength, rows, seed) for seed in range(SEEDS))
                yield FloorRate(
                    task=task, strength=name, has_signal=strength > 0, rows=rows, models=SEEDS, refused=refused
                )


def floor_table(rates: Sequence[FloorRate]) -> str:
    """The rates as Markdown, by table size."""
    lines = [
        f"**The floor**: models refused as no better than the baseline, of {SEEDS} tables each, {COLUMNS} columns, a "
        "quarter as holdout. Where there is no signal, a model that gets through is a false one: at most 5 %.",
        "",
        "| task | the best model | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |",
        "| --- | --- |" + " --- |" * len(ROWS),
    ]
    for task, strength in dict.fromkeys((one.task, one.strength) for one in rates):
        seen = [one for one in rates if (one.task, one.strength) == (task, strength)]
        lines.append(f"| {task} | {strength} | " + " | ".join(_share(one) for one in seen) + " |")
    return "\n".join(lines)


def _share(one: FloorRate) -> str:
    return str(Proportion(one.refused, one.models))


def _is_refused(task: Task, strength: float, rows: int, seed: int) -> bool:
    random = np.random.default_rng([seed, rows])
    x = random.normal(size=(rows, COLUMNS))
    truth = _truth(task, strength * x[:, 0], random)
    order, cut = random.permutation(rows), rows // 4
    learned, judged = order[cut:], order[:cut]
    train, holdout = (_table(task, truth[part]) for part in (learned, judged))
    said, out_of_fold = _said(task, x, truth, learned, judged)
    answers = Predictions(said, 0.5 if task == "binary" else None)
    paired = PairedPredictions(holdout.truth, None, answers, None, baseline_of(train, holdout))
    gate = Gate(metric=METRIC[task], margin=0.01)
    seen = compare(paired, gate.metric, gate, gate.confidence, has_champion=False)
    more = None if task == "multiclass" else train.frame.assign(prediction=out_of_fold)
    (check,) = baseline_check(paired, ComparedMetrics((seen,)), gate, gate.confidence, holdout, more)
    return not check.passed


def _said(
    task: Task, x: FloatArray, truth: FloatArray, learned: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """A linear model's predictions for the holdout, and out-of-fold predictions (three folds) for the train rows."""

    def predict(fit: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> FloatArray:
        if task == "regression":
            return np.asarray(Ridge().fit(x[fit], truth[fit]).predict(x[rows]), dtype=np.float64)
        model = LogisticRegression(max_iter=300).fit(x[fit], truth[fit])
        return np.asarray(model.predict_proba(x[rows]), dtype=np.float64)

    found = np.zeros(len(learned))
    for fold in range(3) if task != "multiclass" else ():
        is_out = np.arange(len(learned)) % 3 == fold
        out = predict(learned[~is_out], learned[is_out])
        found[is_out] = out if out.ndim == 1 else out[:, 1]
    return predict(learned, judged), found


def _truth(task: Task, signal: FloatArray, random: np.random.Generator) -> npt.NDArray[np.float64]:
    noisy = signal + random.normal(size=len(signal))
    if task == "regression":
        return noisy
    if task == "binary":
        return (random.random(len(signal)) < 1 / (1 + np.exp(-signal))).astype(np.float64)
    return np.searchsorted(np.quantile(noisy, [0.4, 0.75]), noisy).astype(np.float64)


def _table(task: Task, truth: npt.NDArray[np.float64]) -> Table:
    classes = CLASSES[task]
    answer = np.array(classes)[truth.astype(np.int64)] if classes else truth
    manifest = DataManifest(
        source="drawn", source_sha256="", task=task, target="answer", classes=classes,
        positive="yes" if task == "binary" else "", features=(), tables={}, digest="",
    )  # fmt: skip
    return Table("holdout", pd.DataFrame({"answer": answer}), manifest)
