"""Latencies, and their percentiles as Locust counts them, but in buckets of 10 µs.

A latency runs from the moment when a request was *due* to its answer, not from when it was sent. A client that waits
for a slow answer sends its next request late; timed from the sending, the wait of that next one would vanish, and a
service that stalls for two seconds would show one slow request instead of hundreds (Gil Tene: coordinated omission).
"""

from collections.abc import Iterable, Sequence

from plan import Sample


def from_due_ms(samples: Iterable[Sample]) -> list[float]:
    """Milliseconds from due to answer, in buckets, ascending."""
    return sorted(bucket((sample.done_s - sample.due_s) * 1000) for sample in samples)


def from_sent_ms(samples: Iterable[Sample]) -> list[float]:
    """Milliseconds from sending to answer, in buckets, ascending: what the service alone took."""
    return sorted(bucket((sample.done_s - sample.sent_s) * 1000) for sample in samples)


def bucket(milliseconds: float) -> float:
    """The bucket of a latency: 10 µs wide. Locust's own are 1 ms wide up to 100 ms, then 10 ms."""
    return round(milliseconds, 2)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest latency that is above `share` of all; the same rank that Locust takes, so that its pages agree."""
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]
