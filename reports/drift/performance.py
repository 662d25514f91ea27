"""Has the model become worse? Measured where labels came in, estimated from its own probabilities where not.

**Measured.** The primary metric (gate.metric) on the requests with labels, against the card's figure out of fold. The
interval leaves out one day after the other (jackknife), for rows of one day are not independent; it is the gate's
estimator. The card's own interval is added. Where all labels are of fewer than three days, rows are taken as
independent, and twenty groups of them are left out in turn; `method` says so. Where the metric cannot tell, because a
few labels make nearly all of it, the metric with clipped losses decides (`clipped.py`); the verdict says so.

**Estimated** (confidence-based): each row counts as every class, weighted by its probability. That is not the one that
the model says, which is too sure wherever it fits its rows too well, but what the rows judged out of fold make of it
(`calibration.py`). The interval adds to the days' spread that of labels drawn from these probabilities, and that of the
recalibration. A change in what leads to the answer moves no probability, and is not seen: it never decides anything.

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
from reports.drift.scores import FloatArray, IntArray, UnscorableError, score

LEAST_DAYS = 3
ROW_GROUPS = 20
LABEL_DRAWS = 20
ASSUMPTION = (
    "Its probabilities were {off:.3f} off on average on {rows:,} rows judged out of fold, and are counted as these "
    "rows correct them. A change in what leads to {target} is not seen; labels would show it."
)


def measured(
    config: Config, card: ModelCard, answers: Answers, rows_before: pd.DataFrame | None = None
) -> PerformanceComparison | None:
    """None where no label came in. Labels that the model could not have given are left out.

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

    freedom = len(np.unique(groups)) - 1
    reach = float(t.ppf(config.gate.confidence, freedom)) if freedom else math.nan
    clipped = None
    if rows_before is not None and freedom:
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
    """The outcome by the clipped losses. Where the metric has no value at all, this is its value, too."""
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
    """rows: truth, scores and groups of the labelled rows. None where the metric is no mean of losses."""
    truth, scores, groups = rows
    clip, losses = clip_of(metric, card, rows_before), losses_of(metric, card, truth, scores)
    if clip is None or losses is None:
        return None
    error = jackknife_error([clip.figure(losses[groups != one]) for one in np.unique(groups)])
    # No surer than the card's figure: that knows of days, which the reference's rows do not.
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
    """The metric as the recalibrated probabilities have it. Raises NoEstimateError with the reason where none can be.

    reference: reference.parquet, rows that were judged out of fold.
    """
    metric = config.gate.metric
    known = np.isfinite(answers.scores).all(axis=1) if answers.scores.size else np.zeros(0, dtype=bool)
    if metric not in card.metrics_in_production:
        raise NoEstimateError(f"model.json has no {metric} to compare with")
    calibration, without = calibrations_of(card, reference)
    if known.sum() < config.drift.min_rows:
        raise NoEstimateError(
            f"{int(known.sum()):,} requests have the model's probabilities, {config.drift.min_rows:,} are required "
            "(drift.min_rows)"
        )
    scores = answers.scores[known] / answers.scores[known].sum(axis=1, keepdims=True)
    try:
        value, error = _expected(metric, card, scores, _groups(answers.days[known])[0], calibration, without, seed)
    except UnscorableError as reason:
        raise NoEstimateError(str(reason)) from None
    freedom = len(np.unique(_groups(answers.days[known])[0])) - 1
    reach = float(t.ppf(config.gate.confidence, freedom)) * error
    return EstimatedPerformance(
        metric=metric,
        rows=len(scores),
        reference=card.metrics_in_production[metric].value,
        estimate=value,
        low=value - reach,
        high=value + reach,
        assumption=ASSUMPTION.format(target=card.target, off=calibration.off, rows=calibration.rows),
    )


def _expected(
    metric: str,
    card: ModelCard,
    scores: FloatArray,
    groups: IntArray,
    calibration: Calibration,
    without: Sequence[Calibration],
    seed: int,
) -> tuple[float, float]:
    """The expected metric and its standard error. scores: [rows, 2]; groups: [rows], what is left out in turn."""
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
    """Positions of classes in `score_order`, or values, [rows]; and which rows have one that can be judged."""
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
    """What is left out in turn [rows], and how to call it."""
    distinct, groups = np.unique(days, return_inverse=True)
    if len(distinct) >= LEAST_DAYS:
        return groups.astype(np.int64), f"clustered by day, {len(distinct)} days"
    places = np.arange(len(days)) % ROW_GROUPS
    return places, f"rows taken as independent: labels of {len(distinct)} day{'s' if len(distinct) > 1 else ''} only"


def _jackknife(on: Callable[[npt.NDArray[np.bool_]], float], groups: IntArray) -> float:
    """The standard error of a figure, from what it is without each group."""
    numbers = np.unique(groups)
    if len(numbers) < 2:
        raise UnscorableError("one row is too little for an interval")
    return jackknife_error([on(groups != one) for one in numbers])


def jackknife_error(without: Sequence[float]) -> float:
    """The standard error of a figure, from what it is without each of the groups that it is made of."""
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
