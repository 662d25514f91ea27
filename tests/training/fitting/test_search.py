"""The search finds the best setting, the same one on any number of cores, and names fits that fail."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from contracts.schema import Task
from tests.refusals import refuses
from training.fitting.candidates import Candidate
from training.fitting.folds import time_folds
from training.fitting.quick_model import quick_fit
from training.fitting.search import SEARCH_ROWS, SearchData, SearchError, fit, sample_rows, search

ROWS, COLUMNS = 400, 4


class Failing(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of someone's own, with a mistake in it."""

    def fit(self, _matrix: Any, _truth: Any) -> "Failing":
        raise RuntimeError("no convergence")

    def predict_proba(self, matrix: Any) -> Any: ...


class SaysNan(DummyClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that does not know."""

    def predict_proba(self, matrix: Any) -> Any:
        return np.full((len(matrix), 2), np.nan)


def material(rows: int = ROWS, columns: int = COLUMNS) -> SearchData:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, columns)).astype(np.float32)
    truth = (matrix[:, 0] + random.normal(size=rows) > 0).astype(np.int64)
    return SearchData(matrix, truth, time_folds(np.arange(rows) // 20, 3), "binary")


def candidate(name: str, kind: Any, *settings: dict[str, Any]) -> Candidate:
    return Candidate(name, lambda setting: kind(**setting), settings or ({},))


def silent(_line: str) -> None:
    """Progress that nobody reads."""


def test_the_setting_with_the_best_mean_score_wins() -> None:
    trees = candidate("tree", DecisionTreeClassifier, {"max_depth": 12, "random_state": 0}, {"max_depth": 1})
    best = search([candidate("prior", DummyClassifier), trees], material(), "roc_auc", None, silent)[0]
    assert best.name == "tree max_depth=1"
    assert best.mean_score == pytest.approx(np.mean(best.scores))


def test_of_losses_the_smallest_wins() -> None:
    both = [candidate("prior", DummyClassifier), candidate("linear", LogisticRegression)]
    assert search(both, material(), "log_loss", None, silent)[0].name == "linear"


def test_of_equals_the_earlier_one_wins() -> None:
    twins = [candidate("first", LogisticRegression), candidate("second", LogisticRegression)]
    assert search(twins, material(), "roc_auc", None, silent)[0].name == "first"


def test_metrics_of_decisions_are_judged_at_the_threshold_of_the_costs() -> None:
    linear = [candidate("linear", LogisticRegression)]
    low, high = (search(linear, material(), "recall", threshold, silent)[0].mean_score for threshold in (0.1, 0.9))
    assert low > 0.9 > 0.5 > high


def test_every_row_is_predicted_by_a_model_that_was_not_fitted_on_it() -> None:
    data = material()
    judged = search([candidate("linear", LogisticRegression)], data, "roc_auc", None, silent)[0].out_of_fold
    assert judged.rows.tolist() == list(range(100, 400))
    last = data.folds[-1]
    alone = LogisticRegression().fit(data.matrix[last.train], data.truth[last.train])
    np.testing.assert_allclose(judged.predicted[-100:], alone.predict_proba(data.matrix[last.validation]), atol=1e-6)


def test_each_setting_is_one_line_of_progress_with_its_folds() -> None:
    lines: list[str] = []
    search([candidate("linear", LogisticRegression, {"C": 1.0}, {"C": 0.1})], material(), "brier", None, lines.append)
    assert [line.split(":")[0] for line in lines] == ["linear C=1.0", "linear C=0.1"]
    assert "folds 0." in lines[0]


def test_one_core_and_several_find_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = material(rows=20_000, columns=15)
    linear = [candidate("linear", LogisticRegression, {"C": 1.0}, {"C": 0.1})]
    predicted = []
    for cores in ("1", "2"):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", cores)
        predicted.append(search(linear, data, "roc_auc", None, silent)[0].out_of_fold.predicted.tobytes())
    assert predicted[0] == predicted[1]


def test_the_final_fit_is_of_the_winning_setting_on_all_rows() -> None:
    data = material()
    best = search([candidate("linear", LogisticRegression, {"C": 0.5})], data, "roc_auc", None, silent)[0]
    model = fit(best.candidate, best.setting, data.matrix, data.truth)
    assert model.C == 0.5
    np.testing.assert_array_equal(model.coef_, LogisticRegression(C=0.5).fit(data.matrix, data.truth).coef_)


def test_a_large_table_is_searched_on_a_seeded_sample_in_its_order() -> None:
    rows, again, other = (sample_rows(SEARCH_ROWS * 2, seed) for seed in (7, 7, 8))
    assert len(np.unique(rows)) == SEARCH_ROWS
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, again)
    assert (rows != other).any()


def test_a_table_of_ordinary_size_is_searched_whole() -> None:
    assert sample_rows(1000, seed=7).tolist() == list(range(1000))


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, RandomForestClassifier, DecisionTreeClassifier])
def test_a_column_that_begins_late_is_empty_in_the_first_fold_and_refuses_no_candidate(kind: Any) -> None:
    data = material()
    data.matrix[: ROWS // 2, 3] = np.nan
    assert np.isnan(data.matrix[data.folds[0].train, 3]).all()
    (trial,) = search([candidate("boosting", kind, {"random_state": 0})], data, "roc_auc", None, silent)
    without = replace(data, matrix=np.where(np.arange(COLUMNS) == 3, np.float32(0), data.matrix))
    (other,) = search([candidate("boosting", kind, {"random_state": 0})], without, "roc_auc", None, silent)
    assert trial.scores[0] == other.scores[0]
    assert trial.scores[2] != other.scores[2]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_quick_model_is_fitted_where_a_sample_has_no_value_of_a_column(task: Task) -> None:
    data = material()
    data.matrix[:, 1] = np.nan
    model = quick_fit(task, data.matrix, data.truth)
    assert np.isfinite(model.predict(data.matrix)).all()
    assert model.score(data.matrix, data.truth) > 0.5


def test_a_candidate_that_cannot_be_fitted_is_refused_with_its_fold_and_reason() -> None:
    with refuses(SearchError, "fit-failed", "own", "fold 1", "no convergence"):
        search([candidate("own", Failing)], material(), "roc_auc", None, silent)


def test_a_candidate_that_says_nan_is_refused_with_its_fold() -> None:
    with refuses(SearchError, "no-figure", "own", "roc_auc", "fold 1", "NaN"):
        search([candidate("own", SaysNan)], material(), "roc_auc", None, silent)


def test_a_metric_that_is_undefined_on_a_fold_is_refused_with_what_to_change() -> None:
    data = material()
    one_value = SearchData(data.matrix, np.zeros(ROWS), data.folds, "regression")
    with refuses(SearchError, "no-figure", "prior", "r2", "fold 1", "training.metric"):
        search([candidate("prior", DummyClassifier)], one_value, "r2", None, silent)


def test_nothing_to_try_is_refused() -> None:
    with refuses(SearchError, "no-candidates", "training.candidates"):
        search([], material(), "roc_auc", None, silent)
