"""How many pods a share of the traffic needs, and what they weigh at the edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.kubernetes.edges import places, weights_of
from deploy.kubernetes.target import pods_for


@pytest.mark.parametrize(
    ("percent", "others", "pods"), [(10, 2, 1), (10, 9, 1), (10, 18, 2), (50, 2, 2), (25, 3, 1), (90, 2, 2)]
)
def test_a_share_is_the_fewest_pods_that_reach_it(percent: int, others: int, pods: int) -> None:
    assert pods_for(percent, others) == pods


@given(percent=st.integers(1, 50), others=st.integers(1, 200))
def test_a_share_is_reached_and_would_not_be_with_one_less(percent: int, others: int) -> None:
    pods = pods_for(percent, others)
    assert 1 <= pods <= others
    assert 100 * pods >= percent * (pods + others)
    assert pods == 1 or 100 * (pods - 1) < percent * (pods - 1 + others)


@pytest.mark.parametrize(
    ("percent", "new", "old", "weights"),
    [(10, 2, 2, (20, 180)), (10, 1, 2, (20, 90)), (50, 2, 2, (100, 100)), (0, 1, 2, (0, 100)), (0, 0, 2, (0, 100))],
)
def test_weights_make_the_share_of_unequal_numbers_of_pods(
    percent: int, new: int, old: int, weights: tuple[int, int]
) -> None:
    assert weights_of(percent, new, old) == weights


@given(percent=st.integers(1, 99), old=st.integers(1, 32))
def test_weights_are_haproxys_and_the_share_is_nearly_exact(percent: int, old: int) -> None:
    new = pods_for(percent, old)
    first, second = weights_of(percent, new, old)
    assert 1 <= first <= 256
    assert 1 <= second <= 256
    assert abs(100 * first * new / (first * new + second * old) - percent) < 0.6


def test_places_of_a_side_are_not_its_backups() -> None:
    names = ["blue-1", "blue-12", "backup-blue-1", "green-1", "backup-green-1"]
    assert places(names, "blue") == ["blue-1", "blue-12"]
    assert places(names, "blue", "backup-") == ["backup-blue-1"]
