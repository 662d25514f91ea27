"""Curves of both models on the holdout, which the report draws. The same inputs give the same bytes.

Classifiers have a ROC and a calibration curve. With more than two classes the ROC curve is the average over them, and
calibration is that of the likeliest class. Regressions have residuals and predictions. No text comes from the table.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.decision import Curve, Plot, Plots
from contracts.schema import Task, write_json
from training.judging.comparisons import PairedPredictions
from training.statistics.metrics import FloatArray

POINTS = 101
BINS = 10
HISTOGRAM_BINS = 40

PredictedBy = Mapping[str, FloatArray]
Truth = npt.NDArray[np.generic]


def write_plots(folder: Path, paired: PairedPredictions, task: Task) -> None:
    """plots.json: roc and calibration, or residuals and predicted."""
    write_json(folder / "plots.json", Plots(plots=plots_of(paired, task)))


def plots_of(paired: PairedPredictions, task: Task) -> dict[str, Plot]:
    """The curves of both models, the champion's first where there is one, by the name of their file."""
    models = {} if paired.champion is None else {"champion": paired.champion.predicted}
    models["challenger"] = paired.challenger.predicted
    truth = paired.truth
    if task == "regression":
        edges = _common_edges(truth, models)
        return {
            "residuals": Plot(
                title="Residuals", x="predicted - observed", y="share of rows", has_diagonal=False,
                curves=_each(models, lambda name, seen: _residuals(name, truth, seen, edges)),
            ),
            "predicted": Plot(
                title="Predicted and observed", x="mean predicted", y="mean observed", has_diagonal=True,
                curves=_each(models, lambda name, seen: _binned(name, seen, truth)),
            ),
        }  # fmt: skip
    return {
        "roc": Plot(
                title="ROC curve", x="false positive rate", y="true positive rate", has_diagonal=True,
                curves=_each(models, lambda name, seen: _roc(name, truth, seen)),
            ),
        "calibration": Plot(
                title="Calibration", x="mean predicted probability", y="observed share", has_diagonal=True,
                curves=_each(models, lambda name, seen: _calibration(name, truth, seen)),
            ),
    }  # fmt: skip


def _each(models: PredictedBy, curve: Callable[[str, FloatArray], Curve]) -> tuple[Curve, ...]:
    return tuple(curve(name, predicted) for name, predicted in models.items())


def _curve(name: str, x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray) -> Curve:
    return Curve(name=name, x=tuple(round(float(v), 6) for v in x), y=tuple(round(float(v), 6) for v in y))


def _roc(name: str, truth: Truth, predicted: FloatArray) -> Curve:
    """True positive rate at evenly spaced false positive rates, averaged over the classes that have rows."""
    grid = np.linspace(0, 1, POINTS)
    classes = [1] if predicted.shape[1] == 2 else range(predicted.shape[1])
    rates = [_true_positive_rate(truth == one, predicted[:, one], grid) for one in classes if (truth == one).any()]
    if not rates:
        return Curve(name=name, x=(), y=())
    return _curve(name, np.append(0.0, grid), np.append(0.0, np.mean(rates, axis=0)))


def _true_positive_rate(is_class: npt.NDArray[np.bool_], scores: FloatArray, grid: FloatArray) -> FloatArray:
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(is_class[order])[last_of_ties]
    alarms = last_of_ties + 1 - hits
    x = np.append(0, alarms) / max(1, alarms[-1])
    y = np.append(0, hits) / max(1, hits[-1])
    rate: FloatArray = np.interp(grid, x, y)
    return rate


def _calibration(name: str, truth: Truth, predicted: FloatArray) -> Curve:
    if predicted.shape[1] == 2:
        return _binned(name, predicted[:, 1], truth)
    likeliest = predicted.argmax(axis=1)
    return _binned(name, predicted.max(axis=1), truth == likeliest)


def _binned(name: str, predicted: FloatArray, observed: Truth) -> Curve:
    """Mean prediction and mean observation in bins of equally many rows."""
    parts = [part for part in np.array_split(np.argsort(predicted, kind="stable"), BINS) if len(part)]
    seen = observed.astype(np.float64)
    return _curve(name, [predicted[part].mean() for part in parts], [seen[part].mean() for part in parts])


def _common_edges(truth: Truth, models: PredictedBy) -> FloatArray:
    """Histogram bins that hold the middle 98 % of all residuals."""
    residuals = np.concatenate([predicted - truth.astype(np.float64) for predicted in models.values()])
    low, high = np.percentile(residuals, [1, 99])
    return np.linspace(low, high if high > low else low + 1, HISTOGRAM_BINS + 1)


def _residuals(name: str, truth: Truth, predicted: FloatArray, edges: FloatArray) -> Curve:
    counts, _ = np.histogram(predicted - truth.astype(np.float64), bins=edges)
    return _curve(name, (edges[:-1] + edges[1:]) / 2, counts / len(truth))
