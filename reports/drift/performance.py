"""Has the model become worse? Measured where labels came in, estimated from its own probabilities where not.

**Measured.** The primary metric (gate.metric) on the requests with labels, against the card's figure out of fold. The
interval leaves out one day after the other (jackknife), for rows of one day are not independent; it is the gate's
estimator. The card's own interval is added. Where all labels are of fewer than three days, rows are taken as
independent, and twenty groups of them are left out in turn; `method` says so.

**Estimated** (confidence-based): each row counts as every class, weighted by the probability that the model gave it.
The interval adds to the days' spread that of labels drawn from these probabilities. It is right where the probabilities
are: a change in what leads to the answer moves no probability, and is not seen. So it never decides anything.

Sources: Efron & Stein 1981, "The jackknife estimate of variance" (Annals of Statistics 9); Guillory et al. 2021,
"Predicting with confidence on unseen distributions" (ICCV) for estimates from confidence.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from contracts.decision import Interval
from contracts.model_folder import Metric, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.verdict import EstimatedPerformance, PerformanceComparison, PerformanceOutcome
from reports.drift.log_reader import Answers, score_order
from reports.drift.scores import LESS_IS_BETTER, IntArray, UnscorableError, score

LEAST_DAYS = 3
ROW_GROUPS = 20
LABEL_DRAWS = 20
ASSUMPTION = (
    "The model's probabilities are as right on these rows as they were out of fold. A change in what leads to "
    "{target} is not seen; labels would show it."
)


def measured(config: Config, card: ModelCard, answers: Answers) -> PerformanceComparison | None:
    """None where no label came in. Labels that the model could not have given are left out."""
    truth, known = truth_of(card, answers)
    count, metric = int(known.sum()), config.gate.metric
    if not count or metric not in card.metrics:
        return None
    reference = card.metrics[metric]
    scores, days = answers.scores[known], answers.days[known]
    groups, method = _groups(days)
    seen = PerformanceComparison(
        metric=metric, labels=count, reference=reference.value, current=reference.value, days=len(np.unique(days)),
        outcome="insufficient", method=method,
    )  # fmt: skip

    def on(rows: npt.NDArray[np.bool_]) -> float:
        return score(metric, card.task, truth[known][rows], scores[rows], np.ones(int(rows.sum())), card.threshold)

    try:
        current = on(np.ones(count, dtype=bool))
        error = _jackknife(on, groups)
    except UnscorableError:
        return None
    freedom = len(np.unique(groups)) - 1
    reach = float(t.ppf(config.gate.confidence, freedom))
    difference = _difference(metric, current, error, reference, reach)
    outcome = _outcome(difference, config.gate.margin) if count >= config.drift.min_labels else "insufficient"
    return seen.model_copy(
        update={
            "current": current,
            "low": current - reach * error,
            "high": current + reach * error,
            "difference": difference,
            "outcome": outcome,
        }
    )


def estimated(config: Config, card: ModelCard, answers: Answers, seed: int) -> EstimatedPerformance | None:
    """None for a regression, which states no confidence, and where the log has no probabilities."""
    metric = config.gate.metric
    known = np.isfinite(answers.scores).all(axis=1)
    if card.task == "regression" or metric not in card.metrics or known.sum() < config.drift.min_rows:
        return None
    scores = answers.scores[known] / answers.scores[known].sum(axis=1, keepdims=True)
    groups, _ = _groups(answers.days[known])
    rows, classes = scores.shape

    def expected(chosen: npt.NDArray[np.bool_]) -> float:
        mine = scores[chosen]
        every_class = np.tile(np.arange(classes), len(mine))
        return score(
            metric, card.task, every_class, np.repeat(mine, classes, axis=0), mine.ravel(), card.threshold
        )  # fmt: skip

    def draw(truth: IntArray) -> float:
        return score(metric, card.task, truth, scores, np.ones(rows), card.threshold)

    random = np.random.default_rng(seed)
    edges = np.cumsum(scores, axis=1)[:, :-1]
    try:
        value = expected(np.ones(rows, dtype=bool))
        drawn = [
            draw((random.random((rows, 1)) > edges).sum(axis=1)) for _ in range(LABEL_DRAWS)
        ]  # fmt: skip
        error = float(np.hypot(_jackknife(expected, groups), np.std(drawn)))
    except UnscorableError:
        return None
    reach = float(t.ppf(config.gate.confidence, len(np.unique(groups)) - 1)) * error
    return EstimatedPerformance(
        metric=metric,
        rows=rows,
        reference=card.metrics[metric].value,
        estimate=value,
        low=value - reach,
        high=value + reach,
        assumption=ASSUMPTION.format(target=card.target),
    )


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
