"""The pictures of the gate: what both models say of the holdout, as curves. Same inputs, same bytes.

ROC and calibration curves for classes (over several classes the ROC curve is the average over them, and calibration is
that of the likeliest class); residuals and predictions for values. No text in them comes from the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from contracts.decision import Curve
from contracts.pipeline_toml.keys import Task
from training.judging.comparisons import Contest
from training.statistics.metrics import FloatArray

POINTS = 101
BINS = 10
HISTOGRAM_BINS = 40
# Grey and two colours that can be told apart on white and on black, by most colour-blind people as well.
GREY = "#808080"
COLOURS = {"challenger": "#2f81f7", "champion": "#d97706"}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "gatehouse",
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.unicode_minus": False,
}


@dataclass(frozen=True)
class Plot:
    """One picture. `diagonal`: whether the line y = x means something in it."""

    title: str
    x: str
    y: str
    diagonal: bool
    curves: tuple[Curve, ...]


Answers = Mapping[str, FloatArray]
Truth = npt.NDArray[np.generic]


def write_plots(folder: Path, contest: Contest, task: Task) -> tuple[Path, ...]:
    """Two SVG files: roc and calibration, or residuals and predicted."""
    written = []
    for name, plot in plots_of(contest, task).items():
        path = folder / f"{name}.svg"
        _draw(plot, path)
        written.append(path)
    return tuple(written)


def plots_of(contest: Contest, task: Task) -> dict[str, Plot]:
    """The curves of both models, the champion's first where there is one, by the name of their file."""
    answers = {} if contest.champion is None else {"champion": contest.champion.predicted}
    answers["challenger"] = contest.challenger.predicted
    truth = contest.truth
    if task == "regression":
        edges = _common_edges(truth, answers)
        return {
            "residuals": Plot(
                "Residuals", "predicted - observed", "share of rows", False,
                _each(answers, lambda name, seen: _residuals(name, truth, seen, edges)),
            ),
            "predicted": Plot(
                "Predicted and observed", "mean predicted", "mean observed", True,
                _each(answers, lambda name, seen: _binned(name, seen, truth)),
            ),
        }  # fmt: skip
    return {
        "roc": Plot(
            "ROC curve", "false positive rate", "true positive rate", True,
            _each(answers, lambda name, seen: _roc(name, truth, seen)),
        ),
        "calibration": Plot(
            "Calibration", "mean predicted probability", "observed share", True,
            _each(answers, lambda name, seen: _calibration(name, truth, seen)),
        ),
    }  # fmt: skip


def _each(answers: Answers, curve: Callable[[str, FloatArray], Curve]) -> tuple[Curve, ...]:
    return tuple(curve(name, predicted) for name, predicted in answers.items())


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


def _common_edges(truth: Truth, answers: Answers) -> FloatArray:
    """Histogram bins that hold the middle 98 % of all residuals."""
    residuals = np.concatenate([predicted - truth.astype(np.float64) for predicted in answers.values()])
    low, high = np.percentile(residuals, [1, 99])
    return np.linspace(low, high if high > low else low + 1, HISTOGRAM_BINS + 1)


def _residuals(name: str, truth: Truth, predicted: FloatArray, edges: FloatArray) -> Curve:
    counts, _ = np.histogram(predicted - truth.astype(np.float64), bins=edges)
    return _curve(name, (edges[:-1] + edges[1:]) / 2, counts / len(truth))


def _draw(plot: Plot, path: Path) -> None:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5, 4))
        FigureCanvasSVG(figure)
        figure.subplots_adjust(left=0.16, right=0.97, bottom=0.14, top=0.91)
        axes = figure.add_subplot()
        for curve in plot.curves:
            marker = "." if len(curve.x) == BINS else None
            axes.plot(curve.x, curve.y, color=COLOURS[curve.name], label=curve.name, linewidth=1.6, marker=marker)
        if plot.diagonal:
            points = [value for curve in plot.curves for value in curve.x] or [0.0, 1.0]
            ends = (min(points), max(points))
            axes.plot(ends, ends, color=GREY, linewidth=0.8, linestyle=":")
        _paint(axes, plot)
        partial = path.with_name(path.name + ".partial")
        figure.savefig(partial, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        partial.replace(path)


def _paint(axes: Axes, plot: Plot) -> None:
    """Mid-grey lines and labels: they can be read on light and on dark."""
    axes.set_title(plot.title, color=GREY)
    axes.set_xlabel(plot.x, color=GREY)
    axes.set_ylabel(plot.y, color=GREY)
    axes.tick_params(colors=GREY)
    for side, spine in axes.spines.items():
        spine.set_color(GREY)
        spine.set_visible(side in ("left", "bottom"))
    axes.legend(frameon=False, labelcolor=GREY)
