"""Has the model become worse? Measured with labels, or estimated from the model's probabilities without.

**Measured.** The primary metric (gate.metric) on the requests with labels, compared with the card's out-of-fold value.
The interval is a jackknife over days, because rows of one day are not independent; the gate uses the same estimator.
The card's own interval is added. With labels of fewer than three days, rows are taken as independent, and the jackknife
is over twenty groups of them; `method` says so. If the metric cannot tell because a few labels dominate it, the
metric with clipped losses decides (`clipped.py`), and the verdict says so.

**Estimated** (confidence-based). Each row counts as every class, weighted by its probability. The model's own
probabilities are overconfident if it overfits, so they are recalibrated on the out-of-fold rows (`calibration.py`). The
interval includes the spread of days, of labels drawn from the probabilities, and of the recalibration. The estimate
cannot see a change in how the target follows from the features, so it never decides.

Sources: Efron & Stein 1981, "The jackknife estimate of variance" (Annals of Statistics 9); Guillory et al. 2021,
"Predicting with confidence on unseen distributions" (ICCV) for estimates from confidence.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, t

from contracts.decision import Interval
from contracts.model_folder import Metric, ModelCard
from contracts.pipeline_toml.keys import LESS_IS_BETTER, Config
from contracts.verdict import ClippedComparison, EstimatedPerformance, PerformanceComparison, PerformanceOutcome
from reports.drift.calibration import Calibration, NoEstimateError, calibrations_of
from reports.drift.clipped import clip_of, losses_of
from reports.drift.log_reader import Answers, score_order
from reports.drift.weighted_metrics import FloatArray, IntArray, UnscorableError, score

LEAST_DAYS = 3
ROW_GROUPS = 20
LABEL_DRAWS = 20
ASSUMPTION = (
    "Its probabilities had a mean error of {error:.3f} on {rows:,} out-of-fold rows, and are recalibrated on these. "
    "The estimate does not see a change in how {target} follows from the features; labels would show it."
)


def measured(
    config: Config, card: ModelCard, answers: Answers, rows_before: pd.DataFrame | None = None
) -> PerformanceComparison | None:
    """None without labels, or if the card lacks the metric. Labels that are no class of the model are ignored.

    rows_before: reference.parquet; without it no loss is clipped.
    """
    truth, known = truth_of(card, answers)
    count, metric = int(known.sum()), config.gate.metric
    if not count or metric not in card.metrics_in_production:
        return None
    reference = card.metrics_in_production[metric]
    scores, days = answers.scores[known], answers.days[known]
    groups, method = _groups(days)
    seen = PerformanceComparison(
        metric=metric, labels=count, reference=reference.value, current=reference.value, days=len(np.unique(days)),
        outcome="insufficient", method=method,
    )  # fmt: skip

    def on(rows: npt.NDArray[np.bool_]) -> float:
        return score(metric, card.task, truth[known][rows], scores[rows], np.ones(int(rows.sum())), card.threshold)

    reach = _reach(config, groups)
    clipped = None
    if rows_before is not None and len(np.unique(groups)) > 1:
        clipped = _clipped(metric, card, rows_before, (truth[known], scores, groups), reference, reach)
    try:
        current = on(np.ones(count, dtype=bool))
        error = _jackknife(on, groups)
    except UnscorableError:
        return _decided_by(seen, clipped, config) if clipped else None
    difference = _difference(metric, current, error, reference, reach)
    found = seen.model_copy(
        update={
            "current": current,
            "low": current - reach * error,
            "high": current + reach * error,
            "difference": difference,
            "outcome": _outcome(difference, config.gate.margin) if _is_enough(seen, config) else "insufficient",
            "clipped": clipped,
        }
    )
    is_hidden = clipped and _outcome(clipped.difference, config.gate.margin) == "worse"
    return _decided_by(found, clipped, config) if clipped and is_hidden and found.outcome == "inconclusive" else found


def _is_enough(seen: PerformanceComparison, config: Config) -> bool:
    return seen.labels >= config.drift.min_labels


def _decided_by(seen: PerformanceComparison, clipped: ClippedComparison, config: Config) -> PerformanceComparison:
    """The outcome by the clipped losses. If the metric itself has no value, this is its value, too."""
    outcome = _outcome(clipped.difference, config.gate.margin) if _is_enough(seen, config) else "insufficient"
    has_value = seen.difference is not None
    own = {} if has_value else {"current": clipped.current, "difference": clipped.difference}
    return seen.model_copy(update={**own, "outcome": outcome, "clipped": clipped.model_copy(update={"decided": True})})


def _clipped(
    metric: str,
    card: ModelCard,
    rows_before: pd.DataFrame,
    rows: tuple[npt.NDArray[np.generic], FloatArray, IntArray],
    reference: Metric,
    reach: float,
) -> ClippedComparison | None:
    """rows: truth, scores and groups of the labelled rows. None if the metric is no mean of losses."""
    truth, scores, groups = rows
    clip, losses = clip_of(metric, card, rows_before), losses_of(metric, card, truth, scores)
    if clip is None or losses is None:
        return None
    error = jackknife_error([clip.figure(losses[groups != one]) for one in np.unique(groups)])
    # At least as wide as the card's interval, which accounts for days; the reference's rows have none.
    half = (reference.high - reference.low) / 2
    before = max(half, float(norm.ppf(reference.confidence)) * clip.error)
    value = clip.figure(losses)
    own = Metric(value=clip.value, low=clip.value - before, high=clip.value + before, confidence=reference.confidence)
    beyond = losses > clip.largest
    finite = np.minimum(losses, np.finfo(np.float64).max / len(losses))
    return ClippedComparison(
        largest_loss=clip.largest,
        rows=int(beyond.sum()),
        share=float(finite[beyond].sum() / max(finite.sum(), np.finfo(np.float64).tiny)),
        reference=clip.value,
        current=value,
        difference=_difference(metric, value, error, own, reach),
    )


def estimated(
    config: Config, card: ModelCard, answers: Answers, reference: pd.DataFrame, seed: int
) -> EstimatedPerformance:
    """The metric that the recalibrated probabilities predict. Raises NoEstimateError if there can be no estimate.

    reference: reference.parquet, with out-of-fold predictions.
    """
    metric = config.gate.metric
    known = np.isfinite(answers.scores).all(axis=1) if answers.scores.size else np.zeros(0, dtype=bool)
    if metric not in card.metrics_in_production:
        raise NoEstimateError(f"model.json has no {metric} to compare with")
    calibration, without = calibrations_of(card, reference)
    if known.sum() < config.drift.min_rows:
        raise NoEstimateError(
            f"{int(known.sum()):,} requests have probabilities; required: at least {config.drift.min_rows:,} "
            "(drift.min_rows)"
        )
    scores = answers.scores[known] / answers.scores[known].sum(axis=1, keepdims=True)
    groups, _ = _groups(answers.days[known])
    try:
        value, error = _expected(metric, card, scores, groups, calibration, without, seed)
    except UnscorableError as reason:
        raise NoEstimateError(str(reason)) from None
    reach = _reach(config, groups) * error
    return EstimatedPerformance(
        metric=metric, rows=len(scores), reference=card.metrics_in_production[metric].value, estimate=value,
        low=value - reach, high=value + reach,
        assumption=ASSUMPTION.format(target=card.target, error=calibration.error, rows=calibration.rows),
    )  # fmt: skip


def _reach(config: Config, groups: IntArray) -> float:
    """How many standard errors a one-sided bound of gate.confidence is away; NaN for a single group."""
    freedom = len(np.unique(groups)) - 1
    return float(t.ppf(config.gate.confidence, freedom)) if freedom else math.nan


def _expected(
    metric: str,
    card: ModelCard,
    scores: FloatArray,
    groups: IntArray,
    calibration: Calibration,
    without: Sequence[Calibration],
    seed: int,
) -> tuple[float, float]:
    """The expected metric and its standard error. scores: [rows, 2]; groups: [rows], for the jackknife."""
    rows, both = len(scores), np.arange(2)

    def on(chosen: npt.NDArray[np.bool_], how: Calibration = calibration) -> float:
        mine = scores[chosen]
        right = how(mine[:, 1])
        weights = np.column_stack([1 - right, right]).ravel()
        return score(
            metric, card.task, np.tile(both, len(mine)), np.repeat(mine, 2, axis=0), weights, card.threshold
        )  # fmt: skip

    every = np.ones(rows, dtype=bool)
    random, likely = np.random.default_rng(seed), calibration(scores[:, 1])
    drawn = [
        score(metric, card.task, (random.random(rows) < likely).astype(np.int64), scores, np.ones(rows), card.threshold)
        for _ in range(LABEL_DRAWS)
    ]
    errors = (_jackknife(on, groups), float(np.std(drawn)), jackknife_error([on(every, one) for one in without]))
    return on(every), float(np.linalg.norm(errors))


def truth_of(card: ModelCard, answers: Answers) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """[rows]: each label's position in `score_order`, or its value; and whether the row can be judged."""
    scored = np.isfinite(answers.scores).all(axis=1) if answers.scores.size else np.zeros(len(answers.actual), bool)
    if card.task == "regression":
        values = np.array([_number(one) for one in answers.actual], dtype=np.float64)
        return values, np.isfinite(values) & scored
    places = {name: place for place, name in enumerate(score_order(card))}
    positions = np.array([places.get(one, -1) for one in answers.actual], dtype=np.int64)
    return positions, (positions >= 0) & scored


def _number(text: str | None) -> float:
    try:
        return np.nan if text is None else float(text)
    except ValueError:
        return np.nan


def _groups(days: IntArray) -> tuple[IntArray, str]:
    """The jackknife's group of each row, and its description."""
    distinct, groups = np.unique(days, return_inverse=True)
    if len(distinct) >= LEAST_DAYS:
        return groups.astype(np.int64), f"clustered by day, {len(distinct)} days"
    places = np.arange(len(days)) % ROW_GROUPS
    return places, f"rows taken as independent: labels of {len(distinct)} day{'s' if len(distinct) > 1 else ''} only"


def _jackknife(on: Callable[[npt.NDArray[np.bool_]], float], groups: IntArray) -> float:
    """The jackknife's standard error of a figure over groups of rows."""
    numbers = np.unique(groups)
    if len(numbers) < 2:
        raise UnscorableError("an interval needs at least two rows")
    return jackknife_error([on(groups != one) for one in numbers])


def jackknife_error(without: Sequence[float]) -> float:
    """The jackknife's standard error, from the figure's values without each group."""
    left = np.array(without)
    return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))


def _difference(metric: str, current: float, error: float, reference: Metric, reach: float) -> Interval:
    sign = -1.0 if metric in LESS_IS_BETTER else 1.0
    of_reference = (reference.high - reference.low) / 2 / float(norm.ppf(reference.confidence))
    value, both = sign * (current - reference.value), float(np.hypot(error, of_reference))
    return Interval(value=value, low=value - reach * both, high=value + reach * both)


def _outcome(difference: Interval, margin: float) -> PerformanceOutcome:
    if difference.high < 0 and difference.value < -margin:
        return "worse"
    return "held" if difference.low >= -margin else "inconclusive"
