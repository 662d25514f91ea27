"""Distances are those of the literature, and a count of values is all that they need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from scoring.distances import FAR, counted, distance_of_counts

NUMBERS = st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=40)


@given(NUMBERS, NUMBERS)
def test_the_area_between_two_distributions_is_scipys(one: list[float], two: list[float]) -> None:
    reference = np.array(one)
    scale = max(reference.std(), 1e-3)
    current = np.clip(two, reference.min() - FAR * scale, reference.max() + FAR * scale)
    expected = wasserstein_distance(reference, current) / scale
    assert counted("wasserstein", reference, current).distance() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_number_beyond_all_bounds_counts_as_a_far_one() -> None:
    reference = np.arange(100.0)
    far, huge = (counted("wasserstein", reference, np.r_[reference, one]).distance() for one in (1e3, 3e38))
    assert far == huge < 0.2
    assert counted("wasserstein", reference, np.full(100, 3e38)).distance() > FAR


def test_shares_of_categories_are_compared_as_scipy_does() -> None:
    distance = counted("jensenshannon", np.array(["a", "a", "b"]), np.array(["b", "c", "c", "c"])).distance()
    assert distance == pytest.approx(jensenshannon([2 / 3, 1 / 3, 0], [0, 1 / 4, 3 / 4]))


def test_disjoint_categories_are_as_far_apart_as_they_can_be() -> None:
    assert counted("jensenshannon", np.array(["a"]), np.array(["b"])).distance() == pytest.approx(np.sqrt(np.log(2)))


def test_missing_numbers_are_left_out() -> None:
    with_gaps = counted("wasserstein", np.array([1.0, np.nan, 3.0]), np.array([np.nan, 2.0]))
    assert with_gaps.distance() == counted("wasserstein", np.array([1.0, 3.0]), np.array([2.0])).distance()


def test_a_sample_without_a_value_has_no_distance() -> None:
    assert np.isnan(counted("wasserstein", np.array([1.0, 2.0]), np.array([np.nan])).distance())


@pytest.mark.parametrize("method", ["jensenshannon", "psi"])
def test_numbers_are_cut_at_the_references_deciles(method: str) -> None:
    reference = np.arange(1000.0)
    assert counted(method, reference, reference).distance() == pytest.approx(0)  # type: ignore[arg-type]  # a Method
    assert counted(method, reference, reference + 500).distance() > 0.5  # type: ignore[arg-type]  # a Method


def test_the_difference_of_two_shares_is_theirs() -> None:
    one = counted("difference", np.array([0.0, 0.0, 0.0, 1.0]), np.array([1.0, 0.0]))
    assert one.distance() == pytest.approx(0.25)


def test_many_windows_are_measured_at_once_as_one_by_one() -> None:
    random = np.random.default_rng(1)
    reference, windows = random.normal(size=50), random.choice(5, (3, 20)).astype(float)
    one = counted("wasserstein", reference, windows.ravel())
    counts = np.stack([np.bincount(row, minlength=one.cells) for row in one.current.reshape(3, 20)]).astype(float)
    at_once = distance_of_counts(one, np.bincount(one.reference, minlength=one.cells).astype(float), counts)
    assert at_once == pytest.approx([counted("wasserstein", reference, row).distance() for row in windows])
