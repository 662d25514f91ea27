"""The decision threshold: no other one costs less, and float32 and float64 agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fitting.threshold import cheapest_threshold, threshold_of_costs

# Coarse and fine scores, so that ties, neighbours in float32 and the ends 0 and 1 all come up.
scores = st.one_of(
    st.integers(0, 8).map(lambda number: number / 8),
    st.floats(0, 1, width=32),
    st.integers(0, 4).map(lambda steps: 0.5 + steps * float(np.spacing(np.float32(0.5)))),
)
labelled = st.lists(st.tuples(st.booleans(), scores), min_size=1, max_size=30)
costs = st.floats(0.01, 100)


def cost(rows: list[tuple[bool, float]], threshold: float, miss: float, alarm: float) -> float:
    return sum(
        miss if is_positive and score < threshold else alarm if not is_positive and score >= threshold else 0
        for is_positive, score in rows
    )


def chosen(rows: list[tuple[bool, float]], miss: float = 1, alarm: float = 1) -> float:
    is_positive, score = zip(*rows, strict=True)
    return cheapest_threshold(np.array(is_positive), np.array(score), miss, alarm)


@given(labelled, costs, costs)
def test_no_other_threshold_costs_less(rows: list[tuple[bool, float]], miss: float, alarm: float) -> None:
    threshold = chosen(rows, miss, alarm)
    others = [cost(rows, score, miss, alarm) for _, score in rows if score > 0]
    never = [cost(rows, 2, miss, alarm)] if all(score < 1 for _, score in rows) else []
    assert cost(rows, threshold, miss, alarm) <= min([*others, *never], default=np.inf) * (1 + 1e-9)


@given(labelled, costs, costs)
def test_a_row_is_decided_alike_in_float32_and_float64(
    rows: list[tuple[bool, float]], miss: float, alarm: float
) -> None:
    threshold = chosen(rows, miss, alarm)
    score = np.array([score for _, score in rows])
    assert threshold == float(np.float32(threshold))
    np.testing.assert_array_equal(score.astype(np.float32) >= np.float32(threshold), score >= threshold)


@given(labelled, costs, costs, st.floats(1, 100))
def test_a_dearer_miss_never_raises_the_threshold(
    rows: list[tuple[bool, float]], miss: float, alarm: float, factor: float
) -> None:
    dearer = sum(score < chosen(rows, miss * factor, alarm) for is_positive, score in rows if is_positive)
    assert dearer <= sum(score < chosen(rows, miss, alarm) for is_positive, score in rows if is_positive)


def test_the_threshold_lies_midway_between_the_two_scores_that_it_parts() -> None:
    assert chosen([(False, 0.25), (True, 0.75), (True, 0.9)]) == 0.5


def test_among_equal_costs_the_threshold_is_the_one_nearest_to_that_of_right_probabilities() -> None:
    # Between 0.1 and 0.9 there are two gaps, each of which leaves one error.
    rows = [(False, 0.1), (True, 0.3), (False, 0.5), (True, 0.9)]
    assert chosen(rows) == pytest.approx(0.7)
    assert chosen(rows, miss=1.5, alarm=1.4) < chosen(rows, miss=1.4, alarm=1.5)


def test_right_probabilities_give_the_threshold_of_the_costs() -> None:
    random = np.random.default_rng(0)
    probability = random.random(200_000)
    is_positive = random.random(200_000) < probability
    assert cheapest_threshold(is_positive, probability, 3, 1) == pytest.approx(threshold_of_costs(3, 1), abs=0.02)


def test_neighbours_in_float32_are_parted_by_the_upper_one() -> None:
    upper = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert chosen([(False, 0.5), (True, upper)]) == upper


def test_where_a_false_alarm_costs_more_than_all_misses_the_answer_is_never_yes() -> None:
    assert chosen([(True, 0.2), (False, 0.8)], miss=1, alarm=100) > 0.8


def test_where_a_miss_costs_more_than_all_false_alarms_the_answer_is_always_yes() -> None:
    assert chosen([(True, 0.2), (False, 0.8)], miss=100, alarm=1) < 0.2
