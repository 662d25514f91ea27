"""Checks that the challenger is significantly better, by gate.metric, than the baseline, which reads no feature.

A holdout of a few dozen rows shows little. So with fewer than FEW_ROWS independent rows, the rows predicted out of fold
count as well: the challenger must be better on the holdout, and significantly better on both together.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.decision import Check, Comparison, Interval
from contracts.model_folder import PREDICTION_COLUMN
from contracts.pipeline_toml.keys import Gate
from training.judging.baseline import Baseline
from training.judging.comparisons import ComparedMetrics, PairedPredictions, as_interval
from training.judging.formatting import bounds, decimals_of, figure
from training.judging.scored_models import Predictions
from training.statistics.metrics import ScoringError
from training.tables import Table, TableError

FEW_ROWS = 1000


def baseline_check(
    paired: PairedPredictions | None,
    figures: ComparedMetrics,
    gate: Gate,
    confidence: float,
    holdout: Table,
    reference: pd.DataFrame | None,
) -> Iterator[Check]:
    """One check; none where a metric could not be computed, which rejects by itself. reference: reference.parquet."""
    deciding = figures.deciding
    if paired is None or deciding is None or figures.missing:
        return
    both = None
    if paired.baseline is not None:
        both = _with_out_of_fold(paired, deciding.metric, paired.baseline, confidence, holdout, reference)
    yield Check(
        name="baseline",
        passed=_is_better(deciding, both) or not gate.better_than_baseline,
        seen=_seen(deciding, paired.baseline, both),
        required="significantly better than the baseline, which reads no feature (gate.better_than_baseline in "
        "pipeline.toml)" + ("" if gate.better_than_baseline else ": not required"),
        remedy="The features tell too little of the target on these rows: bring features that do, or more rows "
        "(data.holdout_share or data.holdout_days), which show smaller differences.",
    )


def _seen(deciding: Comparison, base: Baseline | None, both: Interval | None) -> str:
    over = deciding.over_baseline
    if over is None or base is None or deciding.baseline is None:
        return "train's target cannot be read"
    decimals = decimals_of(deciding)
    models = f"{figure(deciding.challenger.value, decimals)}, the baseline's {figure(deciding.baseline, decimals)}"
    seen = f"{deciding.metric} {models} ({base.name}); the difference, {_interval(over, decimals)}"
    return seen + (f"; with the rows predicted out of fold, {_interval(both, decimals)}" if both else "")


def _interval(one: Interval, decimals: int) -> str:
    return f"{figure(one.value, decimals)} {bounds(one, decimals)}"


def _with_out_of_fold(
    paired: PairedPredictions,
    metric: str,
    base: Baseline,
    confidence: float,
    holdout: Table,
    reference: pd.DataFrame | None,
) -> Interval | None:
    """Challenger minus baseline on the holdout and the rows of `reference`.

    None where rows depend on each other, there are many, or reference.parquet lacks what the metric needs.
    """
    manifest = holdout.manifest
    if reference is None or paired.clusters is not None or len(paired.truth) >= FEW_ROWS:
        return None
    if manifest.task == "multiclass" or not {manifest.target, PREDICTION_COLUMN} <= set(reference.columns):
        return None
    out_of_fold = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    blind = base.predictions(metric)
    # Without time the baseline predicts the same for every row.
    of_all = np.concatenate([blind.predicted, np.repeat(blind.predicted[:1], len(out_of_fold), axis=0)])
    if manifest.task == "binary":
        out_of_fold = np.column_stack([1 - out_of_fold, out_of_fold])
    own = Predictions(np.concatenate([paired.challenger.predicted, out_of_fold]), paired.challenger.threshold)
    try:
        truth = np.concatenate([paired.truth, Table("train", reference, manifest).truth])
        weights = paired.weights
        if weights is not None:
            weights = np.concatenate([weights, reference[manifest.weights].to_numpy(dtype=np.float64)])
        every = PairedPredictions(truth, None, own, None, weights=weights)
        return as_interval(every.difference(metric, Predictions(of_all, blind.threshold), confidence))
    except (ScoringError, TableError, KeyError):
        return None


def notes_of(paired: PairedPredictions | None, figures: ComparedMetrics, manifest: DataManifest) -> Iterator[str]:
    """Sentences on weights, on equal decisions for every row, and on metrics that are worse than the baseline."""
    if paired is not None and paired.weights is not None:
        yield (
            f"Rows count by {manifest.weights!r} (training.weights): in each metric and interval, in costs, slices, "
            "calibration and baseline. The curves, the confusion matrix and the checks of labels and leaks count rows."
        )
    if paired is not None:
        yield from _same_decision(paired, manifest)
    worse = [one for one in figures.comparisons if _is_worse(one)]
    if worse:
        shown = (f"{one.title} {_figure(one, one.challenger.value)} ({_figure(one, one.baseline)})" for one in worse)
        yield f"Significantly worse than the baseline, which reads no feature: {', '.join(shown)}."


def _same_decision(paired: PairedPredictions, manifest: DataManifest) -> Iterator[str]:
    threshold = paired.challenger.threshold
    if threshold is None:
        return
    probability = paired.challenger.predicted[:, 1]
    called = int((probability >= threshold).sum())
    if called not in (0, len(probability)):
        return
    positive, negative = manifest.positive, next(one for one in manifest.classes if one != manifest.positive)
    figures = ": recall, precision and F1 are 0" if called == 0 else ": recall is 1, and precision is their share"
    yield (
        f"Every row of the holdout is predicted {negative if called == 0 else positive!r}{figures}. The threshold is "
        f"{threshold:.3g}, probabilities of {positive!r} run from {probability.min():.3g} to {probability.max():.3g}, "
        f"and {paired.truth.mean():.2%} of the rows are {positive!r}. If a miss costs more or less than a false alarm, "
        "set training.cost_of_a_miss and training.cost_of_a_false_alarm (pipeline.toml)."
    )


def _is_better(one: Comparison, both: Interval | None) -> bool:
    """On the holdout, significantly; or with the rows out of fold, significantly on `both` together."""
    over = one.over_baseline
    if over is None:
        return False
    sign = 1 if one.higher_is_better else -1
    if both is not None:
        return sign * over.value > 0 and min(sign * both.low, sign * both.high) > 0
    return min(sign * over.low, sign * over.high) > 0


def _is_worse(one: Comparison) -> bool:
    if one.over_baseline is None:
        return False
    return one.over_baseline.high < 0 if one.higher_is_better else one.over_baseline.low > 0


def _figure(one: Comparison, value: float | None) -> str:
    return "" if value is None else figure(value, decimals_of(one))
