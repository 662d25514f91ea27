"""A feature that leaks the target is found; a good honest one passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from contracts.exits import FindingError
from tests.refusals import refuses
from training.dataset.leaking_features import LEAKS_ALL, auc, refuse_leaking_feature, target_auc

ROWS = 400
LUCK = np.random.default_rng(5)
BINARY = (LUCK.random(ROWS) < 0.3).astype(np.int64)
THREE = LUCK.integers(0, 3, ROWS)
VALUES = LUCK.normal(size=ROWS)
HALF_MISSING = np.where(BINARY == 1, np.nan, VALUES)


@pytest.mark.parametrize(
    ("values", "is_text", "target", "classes"),
    [
        (BINARY.astype(np.float32), False, BINARY, 2),
        (1 - BINARY, False, BINARY, 2),
        (BINARY * 10 + LUCK.random(ROWS), False, BINARY, 2),
        (HALF_MISSING, False, BINARY, 2),
        (np.where(BINARY == 1, 2.0, LUCK.choice([1.0, 3.0], ROWS)), False, BINARY, 2),
        (BINARY * 3 + LUCK.integers(0, 3, ROWS), True, BINARY, 2),
        (np.array([2, 0, 1])[THREE], True, THREE, 3),
        (np.array([20.0, 0.0, 10.0])[THREE] + LUCK.random(ROWS), False, THREE, 3),
        (np.array([5.0, 9.0, 7.0])[THREE], False, THREE, 3),
        (VALUES * -2 + 1, False, VALUES, 0),
        (np.exp(VALUES), False, VALUES, 0),
        (np.arange(ROWS) // 2 % 100, True, (np.arange(ROWS) // 2 % 100) * 1.5, 0),
    ],
    ids=[
        "the same", "its opposite", "with noise", "told by what is missing", "a code that goes up and down",
        "a finer code", "names for classes", "classes in intervals", "numbers for classes",
        "another unit", "another scale", "a category for each value",
    ],
)  # fmt: skip
def test_a_disguise_is_refused_by_name(values: np.ndarray, is_text: bool, target: np.ndarray, classes: int) -> None:
    with refuses(FindingError, "target-leakage", "'x'", "features.exclude"):
        refuse_leaking_feature("x", values, is_text, target, classes)


@pytest.mark.parametrize(
    ("values", "is_text", "target", "classes"),
    [
        (BINARY * 2 + LUCK.normal(size=ROWS), False, BINARY, 2),
        (np.where(LUCK.random(ROWS) < 0.02, 1 - BINARY, BINARY), False, BINARY, 2),
        (np.arange(ROWS), True, BINARY, 2),
        (np.where(THREE == 0, -9.0, 0.0) + LUCK.random(ROWS), False, THREE, 3),
        (VALUES + LUCK.normal(scale=0.2, size=ROWS), False, VALUES, 0),
        (np.where(np.arange(ROWS) < 5, VALUES, np.nan), False, VALUES, 0),
        (np.arange(ROWS), True, VALUES, 0),
    ],
    ids=["a strong one", "right in 98 %", "a name for each row", "one class of three", "nearly", "in 5 rows", "names"],
)
def test_a_good_but_honest_feature_passes(values: np.ndarray, is_text: bool, target: np.ndarray, classes: int) -> None:
    refuse_leaking_feature("x", values, is_text, target, classes)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_scikit_learns(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    is_positive = np.array([positive for _, positive in pairs])
    expected = 0.5 if len(set(is_positive.tolist())) == 1 else roc_auc_score(is_positive, scores)
    assert auc(scores, is_positive) == pytest.approx(expected, abs=1e-12)


def test_a_disguise_is_found_in_a_large_table_from_a_part_of_its_rows() -> None:
    target = np.random.default_rng(0).integers(0, 2, 1_000_000)
    with pytest.raises(FindingError):
        refuse_leaking_feature("x", target.astype(np.float32), False, target, 2)


def test_a_constant_tells_nothing() -> None:
    assert target_auc(np.ones(ROWS), False, VALUES, 0) == pytest.approx(0.0)
    assert target_auc(np.ones(ROWS), False, BINARY, 2) == 0.5 < LEAKS_ALL
