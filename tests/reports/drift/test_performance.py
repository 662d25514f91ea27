"""Performance of a window: the gate's figures and intervals, by another way, and what they allow to say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from contracts.model_folder import PREDICTION_COLUMN, Metric, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.schema import Task
from reports.drift.calibration import NoEstimateError
from reports.drift.log_reader import Answers
from reports.drift.performance import estimated, measured
from reports.drift.weighted_metrics import UnscorableError, score
from tests.reports.logged_requests import card, write_config
from training.statistics.intervals import interval
from training.statistics.scores import score as gates_score

BINARY = ("roc_auc", "average_precision", "brier", "log_loss", "accuracy", "precision", "recall", "f1")


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load_config(write_config(tmp_path_factory.mktemp("config") / "pipeline.toml", "min_labels = 500"))


def known(value: float = 0.75, spread: float = 0.01, task: Task = "binary") -> ModelCard:
    metric = Metric(value=value, low=value - spread, high=value + spread, confidence=0.95)
    return card(task).model_copy(update={"metrics": {"roc_auc": metric, "rmse": metric}, "threshold": 0.25})


def answers(rows: int, days: int, slope: float, seed: int = 1) -> Answers:
    """Probabilities, and labels that follow them (slope 1), or less, or not at all (slope 0)."""
    random = np.random.default_rng(seed)
    logit = random.normal(-1.5, 1.2, rows)
    says, truth = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(1.5 - slope * (logit + 1.5)))
    actual = np.where(random.random(rows) < truth, "true", "false").astype(object)
    return Answers(np.stack([1 - says, says], axis=1), actual, 16_000 + np.sort(random.integers(days, size=rows)))


def auc(seen: Answers) -> float:
    return gates_score("roc_auc", (seen.actual == "true").astype(int), seen.scores, threshold=None)


@pytest.mark.parametrize("metric", BINARY)
def test_metrics_of_two_classes_are_the_gates(metric: str) -> None:
    seen = answers(400, 10, 1.0)
    truth = (seen.actual == "true").astype(int)
    ours = score(metric, "binary", truth, seen.scores, np.ones(400), 0.25)
    assert ours == pytest.approx(gates_score(metric, truth, seen.scores, threshold=0.25), abs=1e-12)


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "log_loss", "accuracy", "f1"])
def test_metrics_of_three_classes_are_the_gates(metric: str) -> None:
    random = np.random.default_rng(2)
    scores, truth = random.dirichlet((1, 1, 1), 300), random.integers(3, size=300)
    ours = score(metric, "multiclass", truth, scores, np.ones(300), None)
    assert ours == pytest.approx(gates_score(metric, truth, scores, threshold=None), abs=1e-12)


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2", "mape", "pinball_10", "pinball_90"])
def test_metrics_of_values_are_the_gates(metric: str) -> None:
    random = np.random.default_rng(3)
    truth, scores = random.normal(size=200), random.normal(size=(200, 1))
    ours = score(metric, "regression", truth, scores, np.ones(200), None)
    assert ours == pytest.approx(gates_score(metric, truth, scores[:, 0], threshold=None), abs=1e-12)


def test_the_interval_is_the_gates_clustered_by_day(config: Config) -> None:
    seen = answers(6000, 30, 1.0)
    ours = measured(config, known(), seen)
    theirs = interval(
        "roc_auc", (seen.actual == "true").astype(int), seen.scores, seen.days, confidence=0.95, threshold=None
    )
    assert ours is not None
    assert ours.days == 30
    assert [ours.current, ours.low, ours.high] == pytest.approx([theirs.value, theirs.low, theirs.high], abs=1e-3)


def test_a_model_whose_labels_no_longer_follow_became_worse(config: Config) -> None:
    seen = measured(config, known(auc(answers(6000, 30, 1.0))), answers(6000, 30, 0.4))
    assert seen is not None
    assert (seen.outcome, seen.labels) == ("worse", 6000)


def test_a_model_that_is_as_it_was_held_with_labels_enough(config: Config) -> None:
    many = answers(60_000, 60, 1.0)
    seen = measured(config, known(auc(many), spread=0.001), many)
    assert seen is not None
    assert seen.outcome == "held"


def test_a_small_loss_is_neither_shown_nor_ruled_out_by_few_days(config: Config) -> None:
    few = answers(800, 6, 1.0)
    seen = measured(config, known(auc(few) + 0.02), few)
    assert seen is not None
    assert seen.outcome == "inconclusive"


def test_too_few_labels_are_insufficient_however_bad_they_look(config: Config) -> None:
    seen = measured(config, known(0.9), answers(499, 20, 0.0))
    assert seen is not None
    assert seen.outcome == "insufficient"


def test_no_labels_at_all_measure_nothing(config: Config) -> None:
    seen = answers(600, 10, 1.0)
    assert measured(config, known(), Answers(seen.scores, np.array([None] * 600, dtype=object), seen.days)) is None


def test_labels_that_the_model_cannot_give_are_left_out(config: Config) -> None:
    seen = answers(600, 10, 1.0)
    seen.actual[:50] = "perhaps"
    found = measured(config, known(), seen)
    assert found is not None
    assert found.labels == 550


def test_labels_of_one_day_are_taken_as_independent_and_the_method_says_so(config: Config) -> None:
    found = measured(config, known(), answers(2000, 1, 1.0))
    assert found is not None
    assert found.method.startswith("rows taken as independent")
    assert "1 day" in found.method
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.high - found.low < 0.1


def test_one_class_alone_cannot_be_scored() -> None:
    with pytest.raises(UnscorableError, match="roc_auc"):
        score("roc_auc", "binary", np.zeros(5), np.full((5, 2), 0.5), np.ones(5), 0.5)


def reference_rows(
    rows: int, slope: float = 1.0, offset: float = 0.0, seed: int = 9, positive: str = "true"
) -> pd.DataFrame:
    """Rows judged out of fold; the model's log-odds are `slope` times too large, and `offset` too high."""
    random = np.random.default_rng(seed)
    logit = random.normal(-1.5, 1.2, rows)
    truth = random.random(rows) < 1 / (1 + np.exp(-logit))
    says = 1 / (1 + np.exp(-slope * logit - offset))
    return pd.DataFrame({"late": np.where(truth, positive, "false"), PREDICTION_COLUMN: says.astype(np.float32)})


def too_sure(seen: Answers, slope: float, offset: float = 0.0) -> Answers:
    """The same rows and labels, and a model whose log-odds are `slope` times as large."""
    logit = np.log(seen.scores[:, 1] / seen.scores[:, 0])
    says = 1 / (1 + np.exp(-slope * logit - offset))
    return dataclasses.replace(seen, scores=np.stack([1 - says, says], axis=1))


def test_the_estimate_is_right_where_probabilities_are(config: Config) -> None:
    seen = answers(8000, 30, 1.0)
    guess = estimated(config, known(), seen, reference_rows(5000), seed=1)
    assert guess.low < auc(seen) < guess.high
    assert guess.high - guess.low < 0.06


@pytest.mark.parametrize(("slope", "offset"), [(4.0, 0.0), (2.0, 1.0), (0.3, 0.0), (0.5, -1.0)])
@pytest.mark.parametrize("metric", ["roc_auc", "brier", "accuracy"])
def test_probabilities_that_were_off_out_of_fold_are_corrected(
    config: Config, slope: float, offset: float, metric: str
) -> None:
    seen = too_sure(answers(8000, 30, 1.0), slope, offset)
    asked = config.model_copy(update={"gate": config.gate.model_copy(update={"metric": metric})})
    model = known().model_copy(update={"metrics": {metric: known().metrics["roc_auc"]}})
    guess = estimated(asked, model, seen, reference_rows(5000, slope, offset), seed=1)
    truth = (seen.actual == "true").astype(np.int64)
    right = score(metric, "binary", truth, seen.scores, np.ones(8000), 0.25)
    assert guess.low < right < guess.high
    naive = score(
        metric, "binary", np.tile([0, 1], 8000), np.repeat(seen.scores, 2, axis=0), seen.scores.ravel(), 0.25
    )  # fmt: skip
    assert abs(guess.estimate - right) < abs(naive - right), "without the correction it claims too much, or too little"


def test_few_rows_out_of_fold_widen_the_interval(config: Config) -> None:
    seen = too_sure(answers(8000, 30, 1.0), 4.0)
    few, many = (estimated(config, known(), seen, reference_rows(rows, 4.0), seed=1) for rows in (150, 5000))
    assert few.high - few.low > 2 * (many.high - many.low)
    assert few.low < auc(seen) < few.high


def test_the_estimate_does_not_see_that_labels_no_longer_follow_and_says_so(config: Config) -> None:
    seen = answers(8000, 30, 0.3)
    guess = estimated(config, known(), seen, reference_rows(5000), seed=1)
    assert guess.low > auc(seen)
    assert "late follows" in guess.assumption


@pytest.mark.parametrize(
    ("task", "reference", "rows", "why"),
    [
        ("regression", reference_rows(500), 600, "regression"),
        ("multiclass", reference_rows(500), 600, "several classes"),
        ("binary", reference_rows(500).drop(columns="late"), 600, "no column late"),
        ("binary", reference_rows(500, positive="false"), 600, "0 of one class"),
        ("binary", reference_rows(500), 100, "100 requests .* 500"),
    ],
)
def test_where_no_estimate_is_possible_the_reason_is_said(
    config: Config, task: Task, reference: pd.DataFrame, rows: int, why: str
) -> None:
    with pytest.raises(NoEstimateError, match=why):
        estimated(config, known(task=task), answers(rows, 5, 1.0), reference, seed=1)
