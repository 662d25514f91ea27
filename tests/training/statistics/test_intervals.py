"""The gate's intervals: against slow textbook formulas and resampling, their coverage, their laws, and refusals."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from training.statistics.intervals import Estimate, interval, paired_difference, smallest_detectable
from training.statistics.metrics import METRICS, FloatArray, IntArray, ScoringError
from training.statistics.scores import score

CONFIDENCE = 0.95
THRESHOLD = 0.25
Numbers = npt.NDArray[Any]
Holdout = tuple[Numbers, FloatArray, FloatArray, IntArray]


def sigmoid(logits: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-logits))


def two_classes(probability: FloatArray) -> FloatArray:
    return np.column_stack([1 - probability, probability])


def flights(seed: int, sizes: list[int], day_effect: float) -> Holdout:
    """Truth, two models that are equally good, and the day of each row.

    Each model leans on another of two signals, whose worth differs from day to day: on one day the one is ahead, on the
    next the other, and over all days neither. So the true difference of every metric is 0.
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(len(sizes)), sizes)
    base, first, second = rng.normal(0, day_effect, (3, day.max() + 1))[:, day]
    one, other = rng.normal(size=(2, len(day)))
    truth = rng.random(len(day)) < sigmoid(-1.5 + base + (0.8 + first) * one + (0.8 + second) * other)
    challenger, champion = sigmoid(-1.5 + 0.9 * one + 0.4 * other), sigmoid(-1.5 + 0.4 * one + 0.9 * other)
    return truth.astype(np.int64), two_classes(challenger), two_classes(champion), day


def three_classes(seed: int, sizes: list[int]) -> Holdout:
    truth, challenger, champion, day = flights(seed, sizes, 0.5)
    third = np.random.default_rng(seed + 1).random(len(truth)) < 0.3
    wider = [np.column_stack([0.7 * model, np.where(third, 0.25, 0.35)]) for model in (challenger, champion)]
    return np.where(third, 2, truth), *(model / model.sum(axis=1, keepdims=True) for model in wider), day


def arrivals(seed: int, sizes: list[int]) -> Holdout:
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(len(sizes)), sizes)
    truth = 20 + rng.normal(0, 3, day.max() + 1)[day] + rng.normal(0, 5, len(day))
    return truth, truth + rng.normal(1, 3, len(day)), truth + rng.normal(1, 4, len(day)), day


def difference(metric: str, holdout: Holdout, clusters: IntArray | None) -> Estimate:
    truth, challenger, champion, _ = holdout
    return paired_difference(metric, truth, challenger, champion, clusters, confidence=CONFIDENCE, threshold=THRESHOLD)


def raw_difference(metric: str, holdout: Holdout, rows: Numbers) -> float:
    truth, challenger, champion, _ = holdout
    new, old = (score(metric, truth[rows], model[rows], threshold=THRESHOLD) for model in (challenger, champion))
    return new - old


def placements(truth: Numbers, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    positive, negative = scores[truth == 1], scores[truth == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(axis=1), wins.mean(axis=0)


def slow_delong(holdout: Holdout) -> tuple[float, float, int, int]:
    """DeLong's variances of the difference over positives and over negatives, in O(positives · negatives)."""
    truth, challenger, champion, _ = holdout
    (new_of_positive, new_of_negative), (old_of_positive, old_of_negative) = (
        placements(truth, model[:, 1]) for model in (challenger, champion)
    )
    over_positives = float(np.var(new_of_positive - old_of_positive, ddof=1))
    over_negatives = float(np.var(new_of_negative - old_of_negative, ddof=1))
    return over_positives, over_negatives, len(new_of_positive), len(new_of_negative)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), decimals=st.integers(1, 5))
def test_roc_auc_has_delongs_variance_up_to_the_documented_factors(seed: int, decimals: int) -> None:
    truth, challenger, champion, day = flights(seed, [60], 0.0)
    holdout = truth, two_classes(challenger[:, 1].round(decimals)), two_classes(champion[:, 1].round(decimals)), day
    if truth.sum() < 2:
        return
    over_positives, over_negatives, m, n = slow_delong(holdout)
    expected = over_positives * (m - 1) / m / m + over_negatives * (n - 1) / n / n
    expected *= (m + n) / (m + n - 1)
    assert difference("roc_auc", holdout, None).standard_error == pytest.approx(expected**0.5)


def test_roc_auc_of_many_rows_has_delongs_variance_itself() -> None:
    holdout = flights(0, [3000], 0.0)
    over_positives, over_negatives, m, n = slow_delong(holdout)
    classic = (over_positives / m + over_negatives / n) ** 0.5
    assert difference("roc_auc", holdout, None).standard_error == pytest.approx(classic, rel=2e-3)


def test_a_mean_over_equal_clusters_has_students_interval_of_the_cluster_means() -> None:
    holdout = flights(1, [50] * 12, 0.5)
    by_day = [raw_difference("brier", holdout, np.flatnonzero(holdout[3] == day)) for day in range(12)]
    expected = stats.ttest_1samp(by_day, 0).confidence_interval(0.90)
    seen = difference("brier", holdout, holdout[3])
    assert (seen.low, seen.high) == pytest.approx((expected.low, expected.high))
    assert (seen.clusters, seen.degrees_of_freedom) == (12, 11)


def left_out_error(metric: str, holdout: Holdout) -> float:
    days = np.unique(holdout[3])
    whole = raw_difference(metric, holdout, np.arange(len(holdout[0])))
    left_out = [raw_difference(metric, holdout, np.flatnonzero(holdout[3] != day)) - whole for day in days]
    return float(np.sqrt((len(days) - 1) / len(days) * np.square(left_out).sum()))


UNEQUAL = [40, 60, 80, 100, 150, 300] * 5


@pytest.mark.parametrize("metric", ["brier", "log_loss", "accuracy"])
def test_a_mean_over_unequal_clusters_has_the_exact_jackknifes_error(metric: str) -> None:
    holdout = flights(2, UNEQUAL, 0.5)
    assert difference(metric, holdout, holdout[3]).standard_error == pytest.approx(left_out_error(metric, holdout))


@pytest.mark.parametrize(
    ("metric", "holdout"),
    [(metric, flights(3, UNEQUAL, 0.5)) for metric in ("roc_auc", "average_precision", "precision", "recall", "f1")]
    + [(metric, three_classes(3, UNEQUAL)) for metric in ("roc_auc", "average_precision", "f1", "brier")]
    + [(metric, arrivals(3, UNEQUAL)) for metric in ("rmse", "mae", "r2", "bias", "mape", "pinball_10", "pinball_90")],
)
def test_influence_values_give_the_error_of_leaving_each_cluster_out(metric: str, holdout: Holdout) -> None:
    seen = difference(metric, holdout, holdout[3]).standard_error
    assert seen == pytest.approx(left_out_error(metric, holdout), rel=0.1)


def test_calibration_error_of_exaggerated_probabilities_has_the_error_of_leaving_each_cluster_out() -> None:
    truth, challenger, _, day = flights(3, [150] * 30, 0.5)
    exaggerated = two_classes(sigmoid(3 * np.log(challenger[:, 1] / challenger[:, 0])))

    def value(rows: Numbers) -> float:
        return score("calibration_error", truth[rows], exaggerated[rows], threshold=None)

    moves = [value(np.flatnonzero(day != one)) - value(np.arange(len(day))) for one in range(30)]
    seen = interval("calibration_error", truth, exaggerated, day, confidence=CONFIDENCE, threshold=None)
    assert seen.standard_error == pytest.approx((29 / 30 * np.square(moves).sum()) ** 0.5, rel=0.1)


def test_average_precision_has_the_error_of_a_bootstrap_over_clusters() -> None:
    holdout = flights(4, [40] * 60, 0.5)
    by_day, rng = holdout[3].argsort(kind="stable").reshape(60, 40), np.random.default_rng(4)
    draws = [raw_difference("average_precision", holdout, by_day[rng.integers(0, 60, 60)].ravel()) for _ in range(300)]
    assert difference("average_precision", holdout, holdout[3]).standard_error == pytest.approx(np.std(draws), rel=0.15)


def coverage(metric: str, sizes: list[int], day_effect: float, is_clustered: bool) -> float:
    """The share of 300 holdouts whose two-sided 90 % interval holds the true difference, 0."""
    holdouts = (flights(seed, sizes, day_effect) for seed in range(300))
    seen = [difference(metric, holdout, holdout[3] if is_clustered else None) for holdout in holdouts]
    return sum(one.low <= 0 <= one.high for one in seen) / len(seen)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss"])
def test_clustered_intervals_cover_where_days_differ_and_row_level_ones_do_not(metric: str) -> None:
    assert 0.85 <= coverage(metric, [100] * 20, 0.8, is_clustered=True) <= 0.95
    assert coverage(metric, [100] * 20, 0.8, is_clustered=False) <= 0.65


def test_clustered_intervals_cover_where_clusters_are_of_very_different_size() -> None:
    assert 0.84 <= coverage("roc_auc", UNEQUAL[:24], 0.8, is_clustered=True) <= 0.96


def test_row_level_intervals_cover_where_rows_are_independent() -> None:
    assert 0.85 <= coverage("roc_auc", [500], 0.0, is_clustered=False) <= 0.95


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), metric=st.sampled_from(sorted(METRICS)))
def test_swapping_the_models_negates_the_difference(seed: int, metric: str) -> None:
    holdout = arrivals(seed, [30] * 5) if "regression" in METRICS[metric].tasks else flights(seed, [30] * 5, 0.3)
    truth, challenger, champion, day = holdout
    seen, swapped = difference(metric, holdout, day), difference(metric, (truth, champion, challenger, day), day)
    assert (swapped.value, swapped.low, swapped.high) == (-seen.value, -seen.high, -seen.low)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), metric=st.sampled_from(sorted(METRICS)), is_clustered=st.booleans())
def test_the_order_of_rows_and_the_names_of_clusters_change_nothing(seed: int, metric: str, is_clustered: bool) -> None:
    holdout = arrivals(seed, [30] * 5) if "regression" in METRICS[metric].tasks else flights(seed, [30] * 5, 0.3)
    order = np.random.default_rng(seed).permutation(150)
    truth, challenger, champion, day = holdout
    renamed = np.array([700, -3, 41, 8, 5])[day[order]]
    seen = difference(metric, holdout, day if is_clustered else None)
    shuffled = truth[order], challenger[order], champion[order], day[order]
    moved = difference(metric, shuffled, renamed if is_clustered else None)
    assert (moved.value, moved.low, moved.high) == pytest.approx((seen.value, seen.low, seen.high), abs=1e-12)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "brier", "precision"])
def test_doubling_every_row_within_its_cluster_adds_no_knowledge(metric: str) -> None:
    holdout = flights(5, [40, 60, 50, 70, 30], 0.5)
    truth, challenger, champion, day = holdout
    doubled = np.tile(truth, 2), np.tile(challenger, (2, 1)), np.tile(champion, (2, 1)), np.tile(day, 2)
    once, twice = difference(metric, holdout, day), difference(metric, doubled, doubled[3])
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    rows = [difference(metric, each, None) for each in (holdout, doubled)]
    assert rows[1].standard_error < 0.75 * rows[0].standard_error


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "precision"])
def test_a_row_that_weighs_three_is_three_rows_of_its_cluster(metric: str) -> None:
    truth, predicted, _, day = flights(4, [30, 50, 80] * 4, 0.3)
    weights = np.random.default_rng(0).integers(0, 4, len(truth))
    threefold = np.repeat(np.arange(len(truth)), weights)
    weighted = interval(metric, truth, predicted, day, confidence=CONFIDENCE, threshold=THRESHOLD, weights=weights)
    repeated = interval(
        metric, truth[threefold], predicted[threefold], day[threefold], confidence=CONFIDENCE, threshold=THRESHOLD
    )
    assert (weighted.value, weighted.low, weighted.high) == pytest.approx((repeated.value, repeated.low, repeated.high))
    assert weighted.clusters == repeated.clusters == 12


def test_clusters_and_rows_of_weight_0_do_not_count() -> None:
    truth, predicted, _, day = flights(4, [40] * 6, 0.3)
    of_two, keep = np.where(day < 2, 0.0, 1.0), day >= 2
    for clusters in (day, None):
        seen = interval("brier", truth, predicted, clusters, confidence=0.95, threshold=None, weights=of_two)
        own = None if clusters is None else clusters[keep]
        left = interval("brier", truth[keep], predicted[keep], own, confidence=0.95, threshold=None)
        assert (seen.low, seen.high, seen.clusters) == pytest.approx((left.low, left.high, left.clusters))


def test_rows_without_clusters_are_clusters_of_their_own() -> None:
    holdout = flights(6, [200], 0.0)
    alone, named = difference("roc_auc", holdout, None), difference("roc_auc", holdout, np.arange(200))
    assert (alone.low, alone.high, alone.clusters) == pytest.approx((named.low, named.high, named.clusters))


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_model_differs_from_itself_by_zero_with_no_width(metric: str) -> None:
    holdout = arrivals(7, [30] * 5) if "regression" in METRICS[metric].tasks else flights(7, [30] * 5, 0.3)
    seen = difference(metric, (holdout[0], holdout[1], holdout[1].copy(), holdout[3]), holdout[3])
    assert (seen.value, seen.low, seen.high, seen.standard_error) == (0, 0, 0, 0)


def test_clusters_of_a_single_class_are_no_obstacle() -> None:
    truth, challenger, champion, _ = flights(8, [400], 0.0)
    by_class = np.where(truth == 1, np.arange(400) % 7, 7 + np.arange(400) % 20)
    seen = difference("roc_auc", (truth, challenger, champion, by_class), by_class)
    assert 0 < seen.high - seen.low < 0.5


def test_confidence_is_one_sided_for_each_end() -> None:
    truth, challenger, _, day = flights(9, [50] * 10, 0.3)
    seen = interval("brier", truth, challenger, day, confidence=0.95, threshold=None)
    assert (seen.high - seen.value) / seen.standard_error == pytest.approx(stats.t.ppf(0.95, 9))
    assert seen.value - seen.low == pytest.approx(seen.high - seen.value)


def test_one_models_interval_ends_at_the_bounds_of_the_metric() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1])
    nearly = two_classes(np.array([0.1, 0.2, 0.5, 0.4, 0.8, 0.9]))
    seen = interval("roc_auc", truth, nearly, None, confidence=CONFIDENCE, threshold=None)
    assert seen.value < seen.high == 1
    assert interval("log_loss", truth, nearly, None, confidence=0.999, threshold=None).low == 0


def test_each_model_may_decide_at_a_threshold_of_its_own() -> None:
    truth, challenger, champion, day = flights(10, [50] * 10, 0.3)
    seen = paired_difference("f1", truth, challenger, champion, day, confidence=CONFIDENCE, threshold=(0.2, 0.4))
    expected = score("f1", truth, challenger, threshold=0.2) - score("f1", truth, champion, threshold=0.4)
    assert seen.value == pytest.approx(expected)


@pytest.mark.parametrize("degrees_of_freedom", [9, 29, 1000])
def test_the_smallest_detectable_difference_is_found_with_the_power_it_states(degrees_of_freedom: int) -> None:
    smallest = smallest_detectable(0.004, degrees_of_freedom, alpha=0.05, power=0.8)
    critical = stats.t.ppf(0.95, degrees_of_freedom)
    assert stats.nct.sf(critical, degrees_of_freedom, smallest / 0.004) == pytest.approx(0.8, abs=0.01)


def refusal(holdout: Holdout, clusters: Any, metric: str = "roc_auc", confidence: float = CONFIDENCE) -> ScoringError:
    truth, challenger, champion, _ = holdout
    with pytest.raises(ScoringError) as caught:
        paired_difference(metric, truth, challenger, champion, clusters, confidence=confidence, threshold=None)
    return caught.value


HOLDOUT = flights(11, [20] * 4, 0.3)


def test_fewer_than_two_clusters_are_refused() -> None:
    assert refusal(HOLDOUT, np.zeros(80, dtype=np.int64)).code == "few-clusters"
    with pytest.raises(ScoringError, match="1 row"):
        interval("mae", [1.0], [2.0], None, confidence=CONFIDENCE, threshold=None)


def test_clusters_that_do_not_fit_the_rows_are_refused() -> None:
    assert refusal(HOLDOUT, HOLDOUT[3][:79]).code == "other-rows"


def test_clusters_that_are_not_integers_are_refused() -> None:
    assert "type float64" in str(refusal(HOLDOUT, np.where(HOLDOUT[3] == 0, np.nan, HOLDOUT[3])))
    assert "required integers" in str(refusal(HOLDOUT, HOLDOUT[3].astype(str)))


def test_a_model_that_cannot_be_scored_is_named() -> None:
    truth, challenger, champion, day = HOLDOUT
    broken = np.where(np.arange(80)[:, None] == 3, np.nan, champion)
    assert str(refusal((truth, broken, champion, day), day)).startswith("challenger: predicted")
    assert str(refusal((truth, challenger, broken, day), day)).startswith("champion: predicted")


def test_models_of_differing_shape_are_refused() -> None:
    truth, challenger, champion, day = HOLDOUT
    assert refusal((truth, challenger[:79], champion, day), day).code == "other-shape"


def test_one_class_only_is_refused() -> None:
    truth, challenger, champion, day = HOLDOUT
    assert refusal((truth * 0, challenger, champion, day), day).code == "missing-class"


def test_a_decision_metric_without_a_threshold_is_refused() -> None:
    assert "needs a threshold" in str(refusal(HOLDOUT, HOLDOUT[3], metric="precision"))


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95.0, np.nan])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    assert "required one-sided" in str(refusal(HOLDOUT, HOLDOUT[3], confidence=confidence))


def test_a_variance_that_overflows_is_refused() -> None:
    with pytest.raises(ScoringError, match="overflows"):
        interval("mae", [0.0, 1.0], [1e200, 1.0], None, confidence=CONFIDENCE, threshold=None)


@pytest.mark.parametrize(
    ("error", "alpha", "power"), [(np.nan, 0.05, 0.8), (-1, 0.05, 0.8), (1, 0.5, 0.8), (1, 0.05, 1)]
)
def test_a_detectable_difference_of_impossible_rates_is_refused(error: float, alpha: float, power: float) -> None:
    with pytest.raises(ScoringError, match="required"):
        smallest_detectable(error, 29, alpha=alpha, power=power)
