"""A candidate that cannot be exported exactly is left out before the search."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from training.fitting.candidates import Candidate
from training.fitting.export import ExportRefusedError
from training.fitting.folds import shuffled_folds
from training.fitting.probe import PROBE_ROWS, probe_rows, without_refused
from training.fitting.search import SearchData

BINS = KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
REFUSED: dict[str, Any] = {
    "neighbours": KNeighborsClassifier(),
    "scaled trees": make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3)),
    "bins": make_pipeline(BINS, LogisticRegression()),
}


def material(rows: int = 3000, positives: float = 0.3) -> SearchData:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, 4)).astype(np.float32)
    truth = (random.random(rows) < positives).astype(np.int64)
    return SearchData(matrix, truth, shuffled_folds(truth, None, "binary", 3, 7), "binary")


def candidate(name: str, model: Any) -> Candidate:
    return Candidate(name, lambda _setting: model, ({},))


@pytest.mark.parametrize("name", REFUSED)
def test_a_candidate_that_cannot_be_exported_is_left_out_with_its_reason(name: str) -> None:
    both = [candidate(name, REFUSED[name]), candidate("linear", LogisticRegression())]
    left, refused = without_refused(both, material(), [])
    assert [one.name for one in left] == ["linear"]
    assert "training.candidates" in refused[name]


def test_those_that_can_are_all_searched() -> None:
    both = [candidate("tree", DecisionTreeClassifier(max_depth=3)), candidate("linear", LogisticRegression())]
    assert without_refused(both, material(), []) == (both, {})


def test_where_none_is_left_every_reason_is_given() -> None:
    every = [candidate(name, model) for name, model in REFUSED.items()]
    with pytest.raises(ExportRefusedError) as refused:
        without_refused(every, material(), [])
    assert all(f"{name}: " in str(refused.value) for name in REFUSED)


@pytest.mark.parametrize("positives", [0.5, 0.01])
def test_the_rows_of_the_probe_are_few_and_of_every_class(positives: float) -> None:
    data = material(20_000, positives)
    rows = probe_rows(data)
    assert len(rows) <= 1.5 * PROBE_ROWS
    assert np.bincount(data.truth[rows].astype(np.int64)).min() >= 30
    assert (np.diff(rows) > 0).all()
