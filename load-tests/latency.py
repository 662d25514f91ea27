"""Latencies, and their percentiles as Locust computes them, but in buckets of 10 µs.

A latency counts from when a request was *due*, not from when it was sent. A client that waits for a slow answer sends
its next request late. Timed from sending, that delay would vanish, and a service that stalls for two seconds would show
one slow request instead of hundreds (Gil Tene: coordinated omission).
"""

from collections.abc import Iterable, Sequence

from plan import Sample


def from_due_ms(samples: Iterable[Sample]) -> list[float]:
    """Milliseconds from due to answer, in buckets, ascending."""
    return sorted(bucket((sample.done_s - sample.due_s) * 1000) for sample in samples)


def from_sent_ms(samples: Iterable[Sample]) -> list[float]:
    """Milliseconds from sending to answer, in buckets, ascending: the time of the service alone."""
    return sorted(bucket((sample.done_s - sample.sent_s) * 1000) for sample in samples)


def bucket(milliseconds: float) -> float:
    """The bucket of a latency: 10 µs wide. Locust's own are 1 ms wide up to 100 ms, then 10 ms."""
    return round(milliseconds, 2)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest latency above `share` of all; of the same rank as Locust's, so that its pages agree."""
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]
