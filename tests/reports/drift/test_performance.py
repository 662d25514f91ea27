"""Performance of a window: the gate's figures and intervals, by another way, and what they allow to say."""

import numpy as np
import pytest

from contracts.model_folder import Metric, ModelCard
from contracts.pipeline_toml.keys import Config, Task
from contracts.pipeline_toml.reader import load_config
from reports.drift.log_reader import Answers
from reports.drift.performance import estimated, measured
from reports.drift.scores import UnscorableError, score
from tests.reports.logged_requests import card, write_config
from training.statistics.intervals import interval
from training.statistics.metrics import score as gates_score

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


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
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


def test_labels_of_one_day_are_taken_as_independent_and_that_is_said(config: Config) -> None:
    found = measured(config, known(), answers(2000, 1, 1.0))
    assert found is not None
    assert found.method == "rows taken as independent: labels of 1 day only"
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.high - found.low < 0.1


def test_one_class_alone_cannot_be_scored() -> None:
    with pytest.raises(UnscorableError, match=r"every class, .* 1 of"):
        score("roc_auc", "binary", np.zeros(5), np.full((5, 2), 0.5), np.ones(5), 0.5)


def test_the_estimate_is_right_where_probabilities_are(config: Config) -> None:
    seen = answers(8000, 30, 1.0)
    guess = estimated(config, known(), seen, seed=1)
    assert guess is not None
    assert guess.low < auc(seen) < guess.high
    assert guess.high - guess.low < 0.06


def test_the_estimate_does_not_see_that_labels_no_longer_follow_and_says_so(config: Config) -> None:
    seen = answers(8000, 30, 0.3)
    guess = estimated(config, known(), seen, seed=1)
    assert guess is not None
    assert guess.low > auc(seen)
    assert "A change in what leads to late is not seen" in guess.assumption


def test_a_regression_states_no_confidence_to_estimate_from(config: Config) -> None:
    values = Answers(np.ones((600, 1)), np.array(["1"] * 600, dtype=object), np.zeros(600, dtype=np.int64))
    assert estimated(config, known(task="regression"), values, seed=1) is None
