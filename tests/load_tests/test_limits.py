"""From figures to a verdict: both sides of each limit."""

from typing import Any

import pytest
from limits import Figures, figures, headline, judge
from plan import Measured, Sample

from contracts.config import Load
from contracts.verdict import LoadVerdict

LOAD = Load(max_p50_ms=10, max_p95_ms=50, max_p99_ms=100, max_error_share=0.01, requests_per_second=200)
WITHIN = Figures(
    requests=4000,
    faults=(),
    seconds=20.0,
    p50_ms=1.9,
    p95_ms=3.1,
    p99_ms=5.8,
    largest_ms=9.0,
    p99_from_sent_ms=5.5,
    cpu_us_per_request=310.4,
    peak_mb=90.0,
    was_killed=False,
)


def judged(**changes: Any) -> LoadVerdict:
    return judge(Figures(**{**vars(WITHIN), **changes}), LOAD, "sha256:1")


def test_figures_within_every_limit_pass() -> None:
    verdict = judged()
    assert (verdict.verdict, verdict.reasons) == ("pass", ())
    assert headline(verdict) == (
        "4,000 requests at 200/s, 0 failed; p50 1.90 ms, p95 3.10 ms, p99 5.80 ms; 310 µs CPU a request."
    )


@pytest.mark.parametrize(
    "at_the_limit",
    [{"p50_ms": 10.0}, {"p95_ms": 50.0}, {"p99_ms": 100.0}, {"faults": (("status 500", 40),)}, {"seconds": 20 / 0.95}],
)
def test_a_figure_at_its_limit_passes(at_the_limit: dict[str, Any]) -> None:
    assert judged(**at_the_limit).verdict == "pass"


@pytest.mark.parametrize(
    ("beyond", "seen", "key"),
    [
        ({"p50_ms": 10.01}, "The p50 latency was 10.01 ms, required at most 10 ms", "max_p50_ms"),
        ({"p95_ms": 50.01}, "was 50.01 ms, required at most 50 ms", "max_p95_ms"),
        ({"p99_ms": 100.01}, "was 100.01 ms, required at most 100 ms", "max_p99_ms"),
        ({"faults": (("status 500", 44),)}, "was 1.10% (44 of 4,000; 44 × status 500), required at", "max_error_share"),
        ({"seconds": 21.1}, "was 189.6 requests/s, required at least 190.0 (95% of 200)", "min_rate_share"),
    ],
)
def test_a_figure_beyond_its_limit_fails_with_what_was_seen_and_the_key(
    beyond: dict[str, Any], seen: str, key: str
) -> None:
    verdict = judged(**beyond)
    assert verdict.verdict == "fail"
    assert len(verdict.reasons) == 1
    assert seen in verdict.reasons[0]
    assert f"load.{key}" in verdict.reasons[0]
    assert [check.passed for check in verdict.checks].count(False) == 1


def test_a_service_that_had_to_be_killed_fails() -> None:
    assert "end of the service was by SIGKILL, required within 10 s of SIGTERM" in judged(was_killed=True).reasons[0]


def test_a_rate_that_was_not_reached_may_be_the_clients_doing() -> None:
    assert "The client or the machine could not keep up" in judged(seconds=40.0).reasons[0]


def test_every_broken_limit_has_its_own_reason() -> None:
    assert len(judged(p50_ms=11.0, p95_ms=51.0, p99_ms=101.0, faults=(("status 500", 99),), seconds=40.0).reasons) == 5


def test_a_p99_that_was_spent_waiting_to_be_sent_is_told_apart() -> None:
    assert "From its sending it was 5.50 ms" in judged(p99_ms=101.0).reasons[0]
    assert "From its sending" not in judged(p99_ms=101.0, p99_from_sent_ms=100.5).reasons[0]


def test_figures_come_from_all_counted_requests() -> None:
    samples = tuple(Sample(n / 100, n / 100, n / 100 + 0.002, "status 500" if n < 3 else "") for n in range(100))
    seen = figures(Measured(samples=samples, cpu_seconds=0.05), seconds=1.0, peak_mb=80.0, was_killed=False)
    assert (seen.requests, seen.failures, seen.requests_per_second) == (100, 3, 100.0)
    assert seen.p50_ms == seen.p99_ms == seen.largest_ms == 2.0
    assert seen.cpu_us_per_request == pytest.approx(500)


def test_a_backlog_after_the_end_lowers_the_rate() -> None:
    samples = tuple(Sample(n / 100, n / 50, n / 50 + 0.02, "") for n in range(100))
    seen = figures(Measured(samples=samples, cpu_seconds=0.05), seconds=1.0, peak_mb=80.0, was_killed=False)
    assert seen.requests_per_second == pytest.approx(50)
