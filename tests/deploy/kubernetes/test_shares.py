"""How many pods make a share of the traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
