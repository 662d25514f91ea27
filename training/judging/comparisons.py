"""Champion and challenger metric by metric, on the same rows: figures with intervals, and the difference with its own.

The statistics are in `metrics.py` and `intervals.py`, the rule for outcomes in `gate.py`. All bounds are one-sided, at
the confidence that this evaluation has to show. Figures are rounded before they are judged, so that the outcome can be
checked with nothing but decision.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contracts.decision import Comparison, Interval, Outcome
from contracts.pipeline_toml.keys import Gate
from training.judging.baseline import Baseline
from training.judging.contestants import Answers
from training.judging.formatting import rounded
from training.judging.gate import outcome_of
from training.statistics.costs import Costs
from training.statistics.intervals import Estimate, interval, of_mean, paired_difference, smallest_detectable
from training.statistics.metrics import METRICS, FloatArray, IntArray, ScoringError, score, scored_mean

POWER = 0.8
COST_METRIC, COST_ROWS = "cost_per_1000", 1000


@dataclass(frozen=True)
class Contest:
    """Both models' answers to the same rows. `truth`, `clusters` and `weights`: [rows]; no clusters: the rows are
    independent; no weights: each counts the same.

    baseline: of all these rows; None for a part of them, or where train's answers cannot be read.
    """

    truth: IntArray | FloatArray
    clusters: IntArray | None
    challenger: Answers
    champion: Answers | None
    baseline: Baseline | None = None
    weights: FloatArray | None = None

    def on(self, rows: npt.NDArray[np.intp]) -> "Contest":
        """The same contest on some of the rows."""
        champion = self.champion
        return Contest(
            self.truth[rows],
            None if self.clusters is None else self.clusters[rows],
            Answers(self.challenger.predicted[rows], self.challenger.threshold),
            None if champion is None else Answers(champion.predicted[rows], champion.threshold),
            weights=None if self.weights is None else self.weights[rows],
        )

    def figure(self, metric: str, answers: Answers, confidence: float) -> Estimate:
        """One model's metric with its bounds. Raises ScoringError."""
        return interval(
            metric, self.truth, answers.predicted, self.clusters, confidence=confidence, threshold=answers.threshold,
            weights=self.weights,
        )  # fmt: skip

    def value(self, metric: str, answers: Answers) -> float:
        """One model's metric. Raises ScoringError."""
        return score(
            metric, self.truth, answers.predicted, threshold=answers.threshold, weights=self.weights
        )  # fmt: skip

    def level(self, values: FloatArray) -> float:
        """The mean of a value per row."""
        return scored_mean(values, self.weights).value

    def mean(self, values: FloatArray, confidence: float) -> Estimate:
        """The mean of a value per row, with its bounds."""
        return of_mean(values, self.clusters, confidence=confidence, weights=self.weights)

    def difference(self, metric: str, other: Answers, confidence: float) -> Estimate:
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
    """What could be computed, what could not and why, and the smallest difference that these rows can show."""

    comparisons: tuple[Comparison, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    detectable_difference: float | None = None


def compare_all(
    contest: Contest, metrics: Sequence[str], gate: Gate, confidence: float, costs: Costs | None = None,
    *, has_champion: bool,
) -> ComparedMetrics:  # fmt: skip
    """gate.metric, the other `metrics`, and with `costs` that of the decisions. `has_champion` may be true for a
    champion that could not be scored."""
    comparisons, missing = [], {}
    for metric in (gate.metric, *(other for other in metrics if other != gate.metric)):
        try:
            comparisons.append(compare(contest, metric, gate, confidence, has_champion=has_champion))
        except ScoringError as error:
            missing[metric] = str(error)
    if costs is not None and contest.challenger.threshold is not None and not missing:
        comparisons.append(compare_costs(contest, costs, confidence, has_champion=has_champion))
    return ComparedMetrics(tuple(comparisons), missing, _detectable(contest, gate.metric, confidence, missing))


def compare(contest: Contest, metric: str, gate: Gate, confidence: float, *, has_champion: bool) -> Comparison:
    """One metric. Only gate.metric decides and has a margin; the rest are judged against 0. Raises ScoringError."""
    known, decides = METRICS[metric], metric == gate.metric
    challenger = contest.figure(metric, contest.challenger, confidence)
    champion = difference = None
    outcome: Outcome = "inconclusive" if has_champion else "no champion"
    if contest.champion is not None:
        champion = as_interval(contest.figure(metric, contest.champion, confidence))
        difference = as_interval(contest.difference(metric, contest.champion, confidence))
        outcome = outcome_of(difference, gate.margin if decides else 0.0, higher_is_better=known.higher_is_better)
    base = contest.baseline.answers(metric) if contest.baseline else None
    return Comparison(
        metric=metric,
        title=known.title,
        higher_is_better=known.higher_is_better,
        challenger=as_interval(challenger),
        champion=champion,
        difference=difference,
        baseline=rounded(contest.value(metric, base)) if base else None,
        over_baseline=as_interval(contest.difference(metric, base, confidence)) if base else None,
        margin=gate.margin if decides else None,
        outcome=outcome,
        decides=decides,
        method=challenger.method,
    )


def compare_costs(contest: Contest, costs: Costs, confidence: float, *, has_champion: bool) -> Comparison:
    """What the decisions of 1,000 rows cost. The baseline is the cheaper of "always" and "never"."""
    truth = contest.truth == 1

    def of(answers: Answers) -> FloatArray:
        return COST_ROWS * costs.of_rows(truth, answers.predicted[:, 1] >= (answers.threshold or 0.0))

    def mean(values: FloatArray) -> Interval:
        return as_interval(contest.mean(values, confidence))

    own = of(contest.challenger)
    blind = min(
        (COST_ROWS * costs.of_rows(truth, np.full(len(truth), yes)) for yes in (False, True)), key=contest.level
    )
    difference = mean(own - of(contest.champion)) if contest.champion else None
    outcome: Outcome = "inconclusive" if has_champion else "no champion"
    return Comparison(
        metric=COST_METRIC,
        title=f"Cost per 1,000 rows, {costs}",
        higher_is_better=False,
        challenger=mean(own),
        champion=mean(of(contest.champion)) if contest.champion else None,
        difference=difference,
        baseline=rounded(contest.level(blind)),
        over_baseline=mean(own - blind),
        outcome=outcome_of(difference, 0.0, higher_is_better=False) if difference else outcome,
        decides=False,
        method="costs by row",
    )


def as_interval(estimate: Estimate) -> Interval:
    """The estimate as it is stored and judged."""
    return Interval(value=rounded(estimate.value), low=rounded(estimate.low), high=rounded(estimate.high))


def _detectable(contest: Contest, metric: str, confidence: float, missing: Mapping[str, str]) -> float | None:
    if contest.champion is None or metric in missing:
        return None
    seen = contest.difference(metric, contest.champion, confidence)
    alpha = 1 - confidence
    return rounded(smallest_detectable(seen.standard_error, seen.degrees_of_freedom, alpha=alpha, power=POWER))
