"""The gate's metrics against scikit-learn's, their influence values against a row's change of weight, and refusals."""

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from contracts.pipeline_toml.keys import METRICS_OF_TASK, METRICS_ON_REQUEST, QUANTILES
from contracts.schema import Task
from training.statistics.metrics import METRICS, FloatArray, IntArray, ScoringError
from training.statistics.scores import score, scored

Oracle = Callable[..., float]
THRESHOLD = 0.4


def decided(predicted: FloatArray) -> npt.NDArray[Any]:
    return predicted.argmax(axis=1) if predicted.shape[1] > 2 else predicted[:, 1] >= THRESHOLD


def on_decisions(metric: Callable[..., float], **options: Any) -> Oracle:
    return lambda truth, predicted, **weight: metric(truth, decided(predicted), **options, **weight)


def on_positives(metric: Callable[..., float], **options: Any) -> Oracle:
    return lambda truth, predicted, **weight: metric(truth, predicted[:, 1], **options, **weight)


def on_classes(metric: Callable[..., float], **options: Any) -> Oracle:
    def oracle(truth: IntArray, predicted: FloatArray, **weight: Any) -> float:
        return metric(truth, predicted, labels=range(predicted.shape[1]), **options, **weight)

    return oracle


def absolute_bias(truth: FloatArray, predicted: FloatArray, sample_weight: FloatArray | None = None) -> float:
    return abs(float(np.average(predicted - truth, weights=sample_weight)))


BINARY: dict[str, Oracle] = {
    "roc_auc": on_positives(sklearn_metrics.roc_auc_score),
    "average_precision": on_positives(sklearn_metrics.average_precision_score),
    "brier": on_classes(sklearn_metrics.brier_score_loss),
    "log_loss": on_classes(sklearn_metrics.log_loss),
    "accuracy": on_decisions(sklearn_metrics.accuracy_score),
    "precision": on_decisions(sklearn_metrics.precision_score, zero_division=0),
    "recall": on_decisions(sklearn_metrics.recall_score),
    "f1": on_decisions(sklearn_metrics.f1_score),
}
# scikit-learn weighs rows for one class against the rest only, so its macro average is taken here.
MULTICLASS: dict[str, Oracle] = {
    "roc_auc": lambda truth, predicted, **weight: float(
        np.mean(
            [sklearn_metrics.roc_auc_score(truth == k, predicted[:, k], **weight) for k in range(predicted.shape[1])]
        )
    ),
    "average_precision": lambda truth, predicted, **weight: float(
        np.mean(
            [
                sklearn_metrics.average_precision_score(truth == k, predicted[:, k], **weight)
                for k in range(predicted.shape[1])
            ]
        )
    ),
    "brier": on_classes(sklearn_metrics.brier_score_loss),
    "log_loss": on_classes(sklearn_metrics.log_loss),
    "accuracy": on_decisions(sklearn_metrics.accuracy_score),
    "f1": on_decisions(sklearn_metrics.f1_score, average="macro"),
}
REGRESSION: dict[str, Oracle] = {
    "rmse": sklearn_metrics.root_mean_squared_error,
    "mae": sklearn_metrics.mean_absolute_error,
    "r2": sklearn_metrics.r2_score,
    "bias": absolute_bias,
    "mape": sklearn_metrics.mean_absolute_percentage_error,
    **{f"pinball_{percent}": partial(sklearn_metrics.mean_pinball_loss, alpha=int(percent) / 100)
       for percent in ("05", "50", "90")},
}  # fmt: skip


def probabilities(seed: int, rows: int, classes: int, decimals: int) -> tuple[IntArray, FloatArray]:
    """Every class occurs; the fewer decimals, the more ties."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(rows) % classes)
    raw = rng.dirichlet(np.ones(classes), rows) + 0.3 * np.eye(classes)[truth]
    lead = np.round(raw[:, 1:] / raw.sum(axis=1, keepdims=True), decimals)
    lead = lead / np.maximum(1, lead.sum(axis=1, keepdims=True))
    return truth, np.column_stack([1 - lead.sum(axis=1), lead]).clip(0, 1)


def values(seed: int, rows: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(50, 10, rows)
    return truth, truth + rng.normal(1, 5, rows)


seeds = st.integers(0, 2**32 - 1)
row_counts = st.integers(6, 80)
decimals = st.integers(1, 6)


@pytest.mark.parametrize("metric", BINARY)
@settings(max_examples=40)
@given(seed=seeds, rows=row_counts, decimals=decimals)
def test_a_binary_metric_equals_scikit_learns(metric: str, seed: int, rows: int, decimals: int) -> None:
    truth, predicted = probabilities(seed, rows, 2, decimals)
    assert score(metric, truth, predicted, threshold=THRESHOLD) == pytest.approx(BINARY[metric](truth, predicted))


@pytest.mark.parametrize("metric", MULTICLASS)
@settings(max_examples=40)
@given(seed=seeds, rows=row_counts, classes=st.integers(3, 5), decimals=decimals)
def test_a_multiclass_metric_equals_scikit_learns(
    metric: str, seed: int, rows: int, classes: int, decimals: int
) -> None:
    truth, predicted = probabilities(seed, rows, classes, decimals)
    assert score(metric, truth, predicted, threshold=None) == pytest.approx(MULTICLASS[metric](truth, predicted))


@pytest.mark.parametrize("metric", REGRESSION)
@settings(max_examples=40)
@given(seed=seeds, rows=row_counts)
def test_a_regression_metric_equals_scikit_learns(metric: str, seed: int, rows: int) -> None:
    truth, predicted = values(seed, rows)
    assert score(metric, truth, predicted, threshold=None) == pytest.approx(REGRESSION[metric](truth, predicted))


def test_multiclass_roc_auc_equals_scikit_learns_own_macro_average() -> None:
    truth, predicted = probabilities(0, 200, 4, 2)
    expected = sklearn_metrics.roc_auc_score(truth, predicted, multi_class="ovr", average="macro")
    assert score("roc_auc", truth, predicted, threshold=None) == pytest.approx(expected)


@settings(max_examples=40)
@given(seed=seeds, rows=row_counts, decimals=decimals)
def test_calibration_error_is_the_weighted_gap_of_scikit_learns_curve(seed: int, rows: int, decimals: int) -> None:
    truth, predicted = probabilities(seed, rows, 2, decimals)
    share, mean = calibration_curve(truth, predicted[:, 1], n_bins=10, strategy="quantile")
    edges = np.percentile(predicted[:, 1], np.linspace(0, 100, 11))
    in_bin = np.bincount(np.searchsorted(edges[1:-1], predicted[:, 1]))
    expected = np.average(np.abs(share - mean), weights=in_bin[in_bin > 0])
    assert score("calibration_error", truth, predicted, threshold=None) == pytest.approx(expected)


def assert_influence_is_the_change_per_weight(
    metric: str, oracle: Oracle, truth: npt.NDArray[Any], predicted: FloatArray
) -> None:
    step, rows = 1e-6, len(truth)
    weights = np.ones((rows, rows)) + step * rows * np.eye(rows)
    changes = [oracle(truth, predicted, sample_weight=weight) - oracle(truth, predicted) for weight in weights]
    influence = scored(metric, truth, predicted, threshold=THRESHOLD).influence
    np.testing.assert_allclose(influence, np.array(changes) / step, atol=2e-3 * np.abs(influence).max())
    assert influence.sum() == pytest.approx(0, abs=1e-9 * rows * np.abs(influence).max())


@pytest.mark.parametrize("decimals", [1, 6])
@pytest.mark.parametrize("metric", BINARY)
def test_binary_influence_is_what_one_rows_weight_changes(metric: str, decimals: int) -> None:
    truth, predicted = probabilities(1, 60, 2, decimals)
    assert_influence_is_the_change_per_weight(metric, BINARY[metric], truth, predicted)


@pytest.mark.parametrize("metric", MULTICLASS)
def test_multiclass_influence_is_what_one_rows_weight_changes(metric: str) -> None:
    truth, predicted = probabilities(2, 60, 3, 1)
    assert_influence_is_the_change_per_weight(metric, MULTICLASS[metric], truth, predicted)


@pytest.mark.parametrize("metric", REGRESSION)
def test_regression_influence_is_what_one_rows_weight_changes(metric: str) -> None:
    truth, predicted = values(3, 60)
    assert_influence_is_the_change_per_weight(metric, REGRESSION[metric], truth, predicted)
    assert_influence_is_the_change_per_weight(metric, REGRESSION[metric], truth, predicted - 5)


def drawn_weights(seed: int, rows: int) -> FloatArray:
    """Some of them 0, the first rows' never."""
    random = np.random.default_rng(seed)
    drawn = random.choice(np.array([0.0, 0.5, 1.0, 7.0]), rows)
    drawn[:6] = 1.5
    return drawn


@pytest.mark.parametrize("metric", [*BINARY, *REGRESSION])
@settings(max_examples=30)
@given(seed=seeds, rows=row_counts, decimals=decimals)
def test_a_weighted_metric_equals_scikit_learns(metric: str, seed: int, rows: int, decimals: int) -> None:
    weights = drawn_weights(seed, rows)
    truth: npt.NDArray[Any]
    truth, predicted = probabilities(seed, rows, 2, decimals) if metric in BINARY else values(seed, rows)
    assume(metric in REGRESSION or len(np.unique(truth[weights > 0])) == 2)
    wanted = (BINARY | REGRESSION)[metric](truth, predicted, sample_weight=weights)
    assert score(metric, truth, predicted, threshold=THRESHOLD, weights=weights) == pytest.approx(wanted)


@pytest.mark.parametrize("metric", MULTICLASS)
def test_a_weighted_metric_of_several_classes_equals_scikit_learns(metric: str) -> None:
    truth, predicted = probabilities(2, 80, 3, 1)
    weights = drawn_weights(2, 80)
    wanted = MULTICLASS[metric](truth, predicted, sample_weight=weights)
    assert score(metric, truth, predicted, threshold=None, weights=weights) == pytest.approx(wanted)


@pytest.mark.parametrize("metric", [*BINARY, *REGRESSION])
def test_the_influence_of_weighted_rows_is_what_more_weight_changes(metric: str) -> None:
    step, rows, weights = 1e-6, 60, drawn_weights(1, 60) + 0.25
    truth: npt.NDArray[Any]
    truth, predicted = probabilities(1, rows, 2, 1) if metric in BINARY else values(3, rows)
    oracle = (BINARY | REGRESSION)[metric]
    now = oracle(truth, predicted, sample_weight=weights)
    # A row's influence is the change by one more of its kind, times how many of its kind there are.
    changes = [
        oracle(truth, predicted, sample_weight=weights * (1 + step * rows * (np.arange(rows) == row))) - now
        for row in range(rows)
    ]
    influence = scored(metric, truth, predicted, threshold=THRESHOLD, weights=weights).influence
    np.testing.assert_allclose(influence, np.array(changes) / step, atol=2e-3 * np.abs(influence).max())
    assert influence.sum() == pytest.approx(0, abs=1e-9 * rows * np.abs(influence).max())


@settings(max_examples=50)
@given(seed=seeds, shift=st.floats(-4, 4))
def test_adding_a_constant_to_the_logits_leaves_roc_auc_and_average_precision(seed: int, shift: float) -> None:
    truth, predicted = probabilities(seed, 50, 2, 2)
    levels, level = np.unique(predicted[:, 1].clip(0.01, 0.99), return_inverse=True)
    moved = 1 / (1 + np.exp(-(np.log(levels / (1 - levels)) + shift)))
    before, after = (np.column_stack([1 - each[level], each[level]]) for each in (levels, moved))
    for metric in ("roc_auc", "average_precision"):
        value = score(metric, truth, before, threshold=None)
        assert score(metric, truth, after, threshold=None) == pytest.approx(value)


@settings(max_examples=50)
@given(seed=seeds, decimals=decimals)
def test_turning_the_scores_around_turns_roc_auc_around(seed: int, decimals: int) -> None:
    truth, predicted = probabilities(seed, 50, 2, decimals)
    forward = score("roc_auc", truth, predicted, threshold=None)
    assert score("roc_auc", truth, predicted[:, ::-1], threshold=None) == pytest.approx(1 - forward)


@settings(max_examples=50)
@given(seed=seeds, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_value(seed: int, order: Any) -> None:
    truth, predicted = probabilities(seed, 50, 2, 2)
    rows = list(range(50))
    order.shuffle(rows)
    for metric in METRICS_OF_TASK["binary"]:
        before = score(metric, truth, predicted, threshold=THRESHOLD)
        assert score(metric, truth[rows], predicted[rows], threshold=THRESHOLD) == pytest.approx(before)


def test_a_perfect_model_reaches_the_best_value_of_every_metric() -> None:
    truth, predicted = np.array([0, 1, 0, 1]), np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    for metric in METRICS_OF_TASK["binary"]:
        best = METRICS[metric].highest if METRICS[metric].higher_is_better else METRICS[metric].lowest
        assert score(metric, truth, predicted, threshold=0.5) == pytest.approx(best, abs=1e-12)


def test_a_probability_equal_to_the_threshold_is_decided_positive() -> None:
    truth, predicted = np.array([0, 1]), np.array([[0.7, 0.3], [0.6, 0.4]])
    assert score("recall", truth, predicted, threshold=0.4) == 1
    assert score("recall", truth, predicted, threshold=np.nextafter(0.4, 1)) == 0


def test_precision_is_zero_where_nothing_is_decided_positive() -> None:
    truth, predicted = probabilities(4, 20, 2, 3)
    assert score("precision", truth, predicted, threshold=1.5) == 0


def test_every_metric_of_pipeline_toml_is_known_and_fits_its_task() -> None:
    for task in get_args(Task):
        assert all(task in METRICS[metric].tasks for metric in (*METRICS_OF_TASK[task], *METRICS_ON_REQUEST[task]))


def refusal(metric: str, truth: Any, predicted: Any, threshold: float | None = 0.5) -> ScoringError:
    with pytest.raises(ScoringError) as caught:
        scored(metric, truth, predicted, threshold=threshold)
    return caught.value


TRUTH, PREDICTED = np.array([0, 1, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])


def replaced(value: float) -> FloatArray:
    changed = PREDICTED.copy()
    changed[2, 1] = value
    return changed


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    assert "roc_auc" in str(refusal("auc", TRUTH, PREDICTED))


def test_a_metric_of_another_task_is_refused() -> None:
    assert refusal("rmse", TRUTH, PREDICTED).code == "other-task"
    assert refusal("roc_auc", TRUTH * 1.0, PREDICTED[:, 1]).code == "other-task"
    assert refusal("recall", TRUTH, np.full((4, 4), 0.25)).code == "other-task"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_probabilities_that_are_not_finite_are_refused_with_their_row(value: float) -> None:
    assert refusal("brier", TRUTH, replaced(value)).code == "not-finite"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_on_either_side(value: float) -> None:
    assert str(refusal("mae", [1.0, value], [1.0, 2.0])).startswith("truth is NaN")
    assert str(refusal("mae", [1.0, 2.0], [1.0, value])).startswith("predicted is NaN")


def test_probabilities_outside_zero_to_one_are_refused() -> None:
    assert refusal("brier", TRUTH, replaced(-0.1)).code == "not-probabilities"
    assert refusal("brier", TRUTH, replaced(1.2)).code == "not-probabilities"


def test_probabilities_that_do_not_sum_to_one_are_refused() -> None:
    assert refusal("brier", TRUTH, replaced(0.3)).code == "not-probabilities"


def test_float32_probabilities_of_many_classes_are_accepted() -> None:
    raw = np.random.default_rng(5).random((300, 200)).astype(np.float32)
    single = raw / raw.sum(axis=1, keepdims=True)
    assert score("log_loss", np.arange(300) % 200, single, threshold=None) > 0


def test_differing_lengths_and_empty_tables_are_refused() -> None:
    assert refusal("brier", TRUTH[:3], PREDICTED).code == "other-rows"
    assert refusal("brier", TRUTH[:0], PREDICTED[:0]).code == "no-rows"


def test_shapes_that_fit_no_task_are_refused() -> None:
    assert "(4, 1)" in str(refusal("mae", TRUTH, PREDICTED[:, :1]))
    assert "(4, 1)" in str(refusal("brier", TRUTH[:, None], PREDICTED))


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "precision", "recall", "f1"])
def test_one_class_only_is_refused_where_it_leaves_the_metric_undefined(metric: str) -> None:
    assert refusal(metric, TRUTH * 0, PREDICTED).code == "missing-class"
    assert refusal(metric, TRUTH * 0 + 1, PREDICTED).code == "missing-class"


def test_a_class_without_rows_is_refused_among_several() -> None:
    refused = refusal("roc_auc", TRUTH * 2, np.full((4, 4), 0.25))
    assert (refused.code, " 1, 3." in str(refused)) == ("missing-class", True)


def test_truth_that_is_no_position_of_a_class_is_refused() -> None:
    assert refusal("brier", TRUTH * 2, PREDICTED).code == "truth-range"
    assert refusal("brier", TRUTH * 1.0, PREDICTED).code == "truth-kind"
    assert refusal("brier", np.array(list("abab")), PREDICTED).code == "truth-kind"


@pytest.mark.parametrize("threshold", [None, np.nan])
def test_decisions_without_a_threshold_are_refused(threshold: float | None) -> None:
    assert refusal("accuracy", TRUTH, PREDICTED, threshold).code == "no-threshold"


def test_r2_of_a_constant_truth_is_refused() -> None:
    assert refusal("r2", [3.0, 3.0], [1.0, 2.0]).code == "constant-truth"


@pytest.mark.parametrize("truth", [[0.0, 2.0, 0.0], [0, 2, 0]])
def test_mape_of_a_truth_of_zero_is_refused_with_the_rows(truth: list[float]) -> None:
    said = refusal("mape", truth, [1.0, 2.0, 3.0])
    assert said.code == "zero-truth"
    assert "2 of 3" in str(said)
    assert "row 0" in str(said)


def test_a_pinball_loss_weighs_what_is_below_the_truth_by_its_quantile() -> None:
    assert score("pinball_90", [10.0], [9.0], threshold=None) == pytest.approx(0.9)
    assert score("pinball_90", [10.0], [11.0], threshold=None) == pytest.approx(0.1)
    assert score("pinball_50", [10.0, 2.0], [9.0, 5.0], threshold=None) == pytest.approx(2 / 2)


@pytest.mark.parametrize(
    ("weights", "code"),
    [([1.0, 1.0, 1.0], "other-rows"), ([1.0, -1.0, 1.0, 1.0], "bad-weights"), ([0.0] * 4, "bad-weights"),
     ([1.0, np.nan, 1.0, 1.0], "not-finite"), ([0.0, 1.0, 0.0, 1.0], "missing-class")],
)  # fmt: skip
def test_weights_that_cannot_count_are_refused(weights: list[float], code: str) -> None:
    with pytest.raises(ScoringError) as caught:
        scored("roc_auc", TRUTH, PREDICTED, threshold=0.5, weights=weights)
    assert caught.value.code == code


def test_losses_that_overflow_are_refused() -> None:
    assert refusal("rmse", [0.0, 1.0], [1e300, 1.0]).code == "overflow"


@settings(max_examples=100)
@given(
    metric=st.sampled_from(sorted(METRICS.keys() - QUANTILES.keys() | {"pinball_90"})),
    truth=st.lists(st.sampled_from([0, 1, 2, -1]), max_size=5),
    cells=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, np.nan, np.inf, -1.0, 1e200]), max_size=15),
    classes=st.integers(1, 3),
)
def test_whatever_comes_in_is_scored_finite_or_refused(
    metric: str, truth: list[int], cells: list[float], classes: int
) -> None:
    assume(len(cells) % classes == 0)
    predicted = np.array(cells).reshape(-1, classes) if classes > 1 else np.array(cells)
    try:
        result = scored(metric, np.array(truth, dtype=np.int64), predicted, threshold=0.5)
    except ScoringError:
        return
    assert np.isfinite(result.value)
    assert np.isfinite(result.influence).all()
