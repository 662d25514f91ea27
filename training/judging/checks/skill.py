"""Is the challenger worth anything? It must be significantly better, by gate.metric, than what reads no feature.

A holdout of a few dozen rows shows little, so with fewer than FEW_ROWS independent rows those that were judged out of
fold count as well: better on the holdout, and significantly so on both together, is what is asked then.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest
from contracts.decision import Check, Comparison, Interval
from contracts.model_folder import PREDICTION_COLUMN
from contracts.pipeline_toml.keys import Gate
from training.judging.baseline import Baseline
from training.judging.comparisons import ComparedMetrics, Contest, as_interval
from training.judging.contestants import Answers
from training.judging.formatting import bounds, decimals_of, figure
from training.statistics.metrics import ScoringError
from training.tables import Table, TableError

FEW_ROWS = 1000


def baseline_check(
    contest: Contest | None,
    figures: ComparedMetrics,
    gate: Gate,
    confidence: float,
    holdout: Table,
    reference: pd.DataFrame | None,
) -> Iterator[Check]:
    """One rule. Nothing where a metric could not be computed: that rejects already. reference: reference.parquet."""
    deciding = next((one for one in figures.comparisons if one.decides), None)
    if contest is None or deciding is None or figures.missing:
        return
    over, base = deciding.over_baseline, contest.baseline
    if over is None or base is None or deciding.baseline is None:
        seen, is_better = "train's answers cannot be read", False
    else:
        decimals = decimals_of(deciding)
        seen = f"{deciding.metric} {figure(deciding.challenger.value, decimals)}, the baseline's "
        seen += f"{figure(deciding.baseline, decimals)} ({base.name}); the difference, "
        seen += f"{figure(over.value, decimals)} {bounds(over, decimals)}"
        is_better = _is_better(deciding)
        both = _with_out_of_fold(contest, deciding.metric, base, confidence, holdout, reference)
        if both is not None:
            seen += f"; with the rows judged out of fold, {figure(both.value, decimals)} {bounds(both, decimals)}"
            is_better = min((over.value, both.low) if deciding.higher_is_better else (-over.value, -both.high)) > 0
    yield Check(
        name="baseline",
        passed=is_better or not gate.better_than_baseline,
        seen=seen,
        required="significantly better than what reads no feature (gate.better_than_baseline in pipeline.toml)"
        + ("" if gate.better_than_baseline else ": not asked for"),
        remedy="The features tell too little of the target on these rows: bring features that do, or more rows "
        "(data.holdout_share or data.holdout_days), which show smaller differences.",
    )


def _with_out_of_fold(
    contest: Contest, metric: str, base: Baseline, confidence: float, holdout: Table, reference: pd.DataFrame | None
) -> Interval | None:
    """Challenger minus baseline on the holdout and the rows of `reference`. None where rows hang together, there are
    many, or reference.parquet does not have what the metric needs."""
    manifest = holdout.manifest
    if reference is None or contest.clusters is not None or len(contest.truth) >= FEW_ROWS:
        return None
    if manifest.task == "multiclass" or not {manifest.target, PREDICTION_COLUMN} <= set(reference.columns):
        return None
    said = reference[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    blind = base.answers(metric)
    # Without time the baseline says the same of every row.
    of_all = np.concatenate([blind.predicted, np.repeat(blind.predicted[:1], len(said), axis=0)])
    if manifest.task == "binary":
        said = np.column_stack([1 - said, said])
    own = Answers(np.concatenate([contest.challenger.predicted, said]), contest.challenger.threshold)
    try:
        truth = np.concatenate([contest.truth, Table("train", reference, manifest).truth])
        weights = contest.weights
        if weights is not None:
            weights = np.concatenate([weights, reference[manifest.weights].to_numpy(dtype=np.float64)])
        every = Contest(truth, None, own, None, weights=weights)
        return as_interval(every.difference(metric, Answers(of_all, blind.threshold), confidence))
    except (ScoringError, TableError, KeyError):
        return None


def notes_of(contest: Contest | None, figures: ComparedMetrics, manifest: DataManifest) -> Iterator[str]:
    """Sentences on what a row counts, and on decisions that help nobody, though the model may rank well."""
    if contest is not None and contest.weights is not None:
        yield (
            f"Rows count by {manifest.weights!r} (training.weights): in each metric and interval, in costs, slices, "
            "calibration and baseline. The curves, the confusion matrix and the checks of labels and leaks count rows."
        )
    if contest is not None:
        yield from _same_decision(contest, manifest)
    worse = [one for one in figures.comparisons if _is_worse(one)]
    if worse:
        shown = (f"{one.title} {_figure(one, one.challenger.value)} ({_figure(one, one.baseline)})" for one in worse)
        yield f"Significantly worse than the baseline, which reads no feature: {', '.join(shown)}."


def _same_decision(contest: Contest, manifest: DataManifest) -> Iterator[str]:
    threshold = contest.challenger.threshold
    if threshold is None:
        return
    probability = contest.challenger.predicted[:, 1]
    called = int((probability >= threshold).sum())
    if called not in (0, len(probability)):
        return
    positive, negative = manifest.positive, next(one for one in manifest.classes if one != manifest.positive)
    figures = ": recall, precision and F1 are 0" if called == 0 else ": recall is 1, and precision their share"
    yield (
        f"Every row of the holdout is called {negative if called == 0 else positive!r}{figures}. The threshold is "
        f"{threshold:.3g}, probabilities of {positive!r} run from {probability.min():.3g} to {probability.max():.3g}, "
        f"and {contest.truth.mean():.2%} of the rows are. If a miss is dearer than a false alarm, or the reverse, say "
        "so in training.cost_of_a_miss and training.cost_of_a_false_alarm (pipeline.toml)."
    )


def _is_better(one: Comparison) -> bool:
    if one.over_baseline is None:
        return False
    return one.over_baseline.low > 0 if one.higher_is_better else one.over_baseline.high < 0


def _is_worse(one: Comparison) -> bool:
    if one.over_baseline is None:
        return False
    return one.over_baseline.high < 0 if one.higher_is_better else one.over_baseline.low > 0


def _figure(one: Comparison, value: float | None) -> str:
    return "" if value is None else figure(value, decimals_of(one))
