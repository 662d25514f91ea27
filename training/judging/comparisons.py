"""Compares champion and challenger metric by metric on the same rows: both figures and the difference, with intervals.

The statistics are in `scores.py` and `intervals.py`, the rule for outcomes in `gate.py`. All bounds are one-sided, at
the confidence that this evaluation requires. Figures are rounded before they are judged, so that decision.json is
enough to check the outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contracts.decision import Comparison, Interval, Outcome
from contracts.pipeline_toml.keys import Gate
from training.judging.baseline import Baseline
from training.judging.formatting import rounded
from training.judging.gate import outcome_of
from training.judging.scored_models import Predictions
from training.statistics.costs import Costs
from training.statistics.intervals import Estimate, interval, of_mean, paired_difference, smallest_detectable
from training.statistics.metrics import METRICS, FloatArray, IntArray, ScoringError
from training.statistics.scores import score, scored_mean

POWER = 0.8
COST_METRIC, COST_ROWS = "cost_per_1000", 1000


@dataclass(frozen=True)
class PairedPredictions:
    """Both models' predictions for the same rows. `truth`, `clusters` and `weights`: [rows].

    Without clusters the rows are independent; without weights each counts the same. `baseline`: for all these rows;
    None for a part of them, or where train's target cannot be read.
    """

    truth: IntArray | FloatArray
    clusters: IntArray | None
    challenger: Predictions
    champion: Predictions | None
    baseline: Baseline | None = None
    weights: FloatArray | None = None

    def on(self, rows: npt.NDArray[np.intp]) -> "PairedPredictions":
        """The same for some of the rows."""
        champion = self.champion
        return PairedPredictions(
            self.truth[rows],
            None if self.clusters is None else self.clusters[rows],
            Predictions(self.challenger.predicted[rows], self.challenger.threshold),
            None if champion is None else Predictions(champion.predicted[rows], champion.threshold),
            weights=None if self.weights is None else self.weights[rows],
        )

    def figure(self, metric: str, model: Predictions, confidence: float) -> Estimate:
        """One model's metric with its bounds. Raises ScoringError."""
        return interval(
            metric, self.truth, model.predicted, self.clusters, confidence=confidence, threshold=model.threshold,
            weights=self.weights,
        )  # fmt: skip

    def value(self, metric: str, model: Predictions) -> float:
        """One model's metric. Raises ScoringError."""
        return score(metric, self.truth, model.predicted, threshold=model.threshold, weights=self.weights)

    def level(self, values: FloatArray) -> float:
        """The mean of a value per row."""
        return scored_mean(values, self.weights).value

    def mean(self, values: FloatArray, confidence: float) -> Estimate:
        """The mean of a value per row, with its bounds."""
        return of_mean(values, self.clusters, confidence=confidence, weights=self.weights)

    def difference(self, metric: str, other: Predictions, confidence: float) -> Estimate:
        """Challenger minus the other, champion or baseline, with its bounds. Raises ScoringError."""
        new, old = self.challenger.threshold, other.threshold
        return paired_difference(
            metric,
            self.truth,
            self.challenger.predicted,
            other.predicted,
            self.clusters,
            confidence=confidence,
            threshold=None if new is None or old is None else (new, old),
            weights=self.weights,
        )


@dataclass(frozen=True)
class ComparedMetrics:
    """`missing`: metrics that could not be computed, each with the reason. `detectable_difference`: the smallest."""

    comparisons: tuple[Comparison, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    detectable_difference: float | None = None

    @property
    def deciding(self) -> Comparison | None:
        """The comparison of gate.metric; None where it could not be computed."""
        return next((one for one in self.comparisons if one.decides), None)


def compare_all(
    paired: PairedPredictions, metrics: Sequence[str], gate: Gate, confidence: float, costs: Costs | None = None,
    *, has_champion: bool,
) -> ComparedMetrics:  # fmt: skip
    """Compare gate.metric, the other `metrics` and, where `costs` are given, the cost of the decisions.

    `has_champion`: also true for a champion that could not be scored.
    """
    comparisons, missing = [], {}
    for metric in (gate.metric, *(other for other in metrics if other != gate.metric)):
        try:
            comparisons.append(compare(paired, metric, gate, confidence, has_champion=has_champion))
        except ScoringError as error:
            missing[metric] = str(error)
    if costs is not None and paired.challenger.threshold is not None and not missing:
        comparisons.append(compare_costs(paired, costs, confidence, has_champion=has_champion))
    return ComparedMetrics(tuple(comparisons), missing, _detectable(paired, gate.metric, confidence, missing))


def compare(paired: PairedPredictions, metric: str, gate: Gate, confidence: float, *, has_champion: bool) -> Comparison:
    """One metric. Only gate.metric decides and has a margin; the rest are judged against 0. Raises ScoringError."""
    known, decides = METRICS[metric], metric == gate.metric
    challenger = paired.figure(metric, paired.challenger, confidence)
    champion = difference = None
    outcome: Outcome = "inconclusive" if has_champion else "no champion"
    if paired.champion is not None:
        champion = as_interval(paired.figure(metric, paired.champion, confidence))
        difference = as_interval(paired.difference(metric, paired.champion, confidence))
        outcome = outcome_of(difference, gate.margin if decides else 0.0, higher_is_better=known.higher_is_better)
    base = paired.baseline.predictions(metric) if paired.baseline else None
    return Comparison(
        metric=metric,
        title=known.title,
        higher_is_better=known.higher_is_better,
        challenger=as_interval(challenger),
        champion=champion,
        difference=difference,
        baseline=rounded(paired.value(metric, base)) if base else None,
        over_baseline=as_interval(paired.difference(metric, base, confidence)) if base else None,
        margin=gate.margin if decides else None,
        outcome=outcome,
        decides=decides,
        method=challenger.method,
    )


def compare_costs(paired: PairedPredictions, costs: Costs, confidence: float, *, has_champion: bool) -> Comparison:
    """The cost of the decisions on 1,000 rows. The baseline is the cheaper of "always" and "never"."""
    truth = paired.truth == 1

    def of(model: Predictions) -> FloatArray:
        return COST_ROWS * costs.of_rows(truth, model.predicted[:, 1] >= (model.threshold or 0.0))

    def mean(values: FloatArray) -> Interval:
        return as_interval(paired.mean(values, confidence))

    own = of(paired.challenger)
    blind = min((COST_ROWS * costs.of_rows(truth, np.full(len(truth), yes)) for yes in (False, True)), key=paired.level)
    difference = mean(own - of(paired.champion)) if paired.champion else None
    outcome: Outcome = "inconclusive" if has_champion else "no champion"
    return Comparison(
        metric=COST_METRIC,
        title=f"Cost per 1,000 rows, {costs}",
        higher_is_better=False,
        challenger=mean(own),
        champion=mean(of(paired.champion)) if paired.champion else None,
        difference=difference,
        baseline=rounded(paired.level(blind)),
        over_baseline=mean(own - blind),
        outcome=outcome_of(difference, 0.0, higher_is_better=False) if difference else outcome,
        decides=False,
        method="costs by row",
    )


def as_interval(estimate: Estimate) -> Interval:
    """The estimate as it is stored and judged."""
    return Interval(value=rounded(estimate.value), low=rounded(estimate.low), high=rounded(estimate.high))


def _detectable(paired: PairedPredictions, metric: str, confidence: float, missing: Mapping[str, str]) -> float | None:
    if paired.champion is None or metric in missing:
        return None
    seen = paired.difference(metric, paired.champion, confidence)
    alpha = 1 - confidence
    return rounded(smallest_detectable(seen.standard_error, seen.degrees_of_freedom, alpha=alpha, power=POWER))
