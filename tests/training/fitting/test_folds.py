"""Folds never predict from later rows, nor rows that a candidate was fitted on."""

from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.schema import Task
from tests.refusals import refuses
from training.fitting.folds import FoldsError, require_every_class, shuffled_folds, time_folds


@given(st.lists(st.integers(1, 40), min_size=3, max_size=60), st.integers(2, 5), st.randoms(use_true_random=False))
def test_no_day_is_judged_by_a_later_one_or_by_itself(rows_of_day: list[int], count: int, random: Random) -> None:
    in_order = np.repeat(np.arange(len(rows_of_day)), rows_of_day)
    days = np.array(random.sample(list(in_order), len(in_order)))
    try:
        folds = time_folds(days, count)
    except FoldsError:
        assume(False)
    assert len(folds) == count
    for fold in folds:
        assert days[fold.train].max() < days[fold.validation].min()
    judged = np.concatenate([fold.validation for fold in folds])
    assert len(np.unique(judged)) == len(judged)
    assert set(judged) == set(range(len(days))) - set(folds[0].train)


def test_windows_expand_by_about_as_many_rows_each() -> None:
    folds = time_folds(np.repeat(np.arange(100), 10), 4)
    assert [len(fold.train) for fold in folds] == [200, 400, 600, 800]
    assert [len(fold.validation) for fold in folds] == [200, 200, 200, 200]


def test_fewer_days_than_blocks_are_refused_with_the_key_to_change() -> None:
    with refuses(FoldsError, "too-few-days", "300 rows", "3 days", "3 folds", "training.folds"):
        time_folds(np.repeat(np.arange(3), 100), 3)


def test_a_day_that_holds_nearly_all_rows_is_refused() -> None:
    with refuses(FoldsError, "too-few-days", "2 folds"):
        time_folds(np.repeat(np.arange(5), [500, 1, 1, 1, 1]), 2)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_groups_stay_whole_and_every_row_is_judged_once(task: Task) -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 30, 300)
    truth = random.integers(0, 2, 300) if task == "binary" else random.normal(size=300)
    folds = shuffled_folds(truth, groups, task, 3, seed=7)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.validation])
    assert sorted(np.concatenate([fold.validation for fold in folds])) == list(range(300))


def test_every_fold_has_the_classes_in_their_proportion() -> None:
    truth = np.repeat([0, 1, 2], [150, 90, 60])
    for fold in shuffled_folds(truth, None, "multiclass", 3, seed=7):
        assert np.bincount(truth[fold.validation]).tolist() == [50, 30, 20]


def test_the_seed_fixes_the_folds() -> None:
    truth = np.repeat([0, 1], 50)
    first, again, other = (shuffled_folds(truth, None, "binary", 3, seed)[0].validation for seed in (7, 7, 8))
    assert first.tolist() == again.tolist() != other.tolist()


def test_fewer_rows_than_folds_are_refused() -> None:
    with refuses(FoldsError, "too-few-rows", "2 rows", "3 folds"):
        shuffled_folds(np.array([1.5, 2.5]), None, "regression", 3, seed=7)


def test_fewer_groups_than_folds_are_refused() -> None:
    with refuses(FoldsError, "too-few-rows", "2 groups", "3 folds"):
        shuffled_folds(np.arange(10.0), np.arange(10) % 2, "regression", 3, seed=7)


def test_a_class_with_fewer_rows_than_folds_is_refused() -> None:
    with refuses(FoldsError, "rare-class", "2 rows", "3 folds"):
        shuffled_folds(np.repeat([0, 1], [50, 2]), None, "binary", 3, seed=7)


def test_a_fold_that_lacks_a_class_is_refused_by_name() -> None:
    days, truth = np.repeat(np.arange(4), 10), np.repeat([0, 0, 1, 1], 10)
    with refuses(FoldsError, "class-missing-in-fold", "Fold 1", "10 rows", "late"):
        require_every_class(time_folds(days, 3), truth, ["early", "late"])
