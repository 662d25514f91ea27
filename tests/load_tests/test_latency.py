"""What counts as a latency, and how fine it is counted."""

import pytest
from latency import bucket, from_due_ms, from_sent_ms, percentile
from plan import Sample

PERIOD = 0.01
STALL = (0.2, 0.7)
ANSWER = 0.001


def stalled(requests: int) -> list[Sample]:
    """One connection, a request due every 10 ms, a service that answers nothing from 0.2 to 0.7 s."""
    samples, free_at = [], 0.0
    for number in range(requests):
        due = number * PERIOD
        sent = max(due, free_at)
        free_at = sent + ANSWER if not STALL[0] <= sent < STALL[1] else STALL[1] + ANSWER
        samples.append(Sample(0, due, sent, free_at, ""))
    return samples


def test_a_stall_is_seen_by_every_request_that_was_due_in_it() -> None:
    waited = [one for one in from_due_ms(stalled(100)) if one > 100]
    assert len(waited) >= 40


def test_counted_from_the_sending_the_stall_would_be_one_slow_request() -> None:
    assert len([one for one in from_sent_ms(stalled(100)) if one > 100]) == 1


def test_latencies_apart_by_less_than_a_millisecond_stay_apart() -> None:
    assert bucket(0.484) == 0.48
    assert bucket(0.496) == 0.5
    assert bucket(99.987) == 99.99


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.95, 96), (0.99, 100), (1.0, 100)])
def test_a_percentile_is_the_rank_that_locust_takes(share: float, expected: float) -> None:
    assert percentile([float(one) for one in range(1, 101)], share) == expected


def test_the_percentiles_of_one_request_are_that_request() -> None:
    assert percentile([3.5], 0.5) == percentile([3.5], 0.99) == 3.5
