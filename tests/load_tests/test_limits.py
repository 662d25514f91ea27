"""From figures to a verdict: both sides of each limit."""

from collections.abc import Iterable
from typing import Any

import pytest
from limits import Subject, VariantFigures, figures, headline, judge
from plan import Block, Measured, Plan, Sample, Variant, one_block
from targets import Target

from contracts.pipeline_toml.keys import Load
from contracts.verdict import LoadVerdict, PairedRun

LOAD = Load(max_p50_ms=10, max_p95_ms=50, max_p99_ms=100, max_error_share=0.01, requests_per_second=200)
PROCESS = Target("a process")
WITHIN = VariantFigures(
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
    growth_mb=2.0,
    leak_bytes=0.0,
    was_killed=False,
    distinct_rows=3900,
)

SUBJECT = Subject("sha256:1", "sha256:d", "sha256:5")


def judged(**changes: Any) -> LoadVerdict:
    return judge(VariantFigures(**{**vars(WITHIN), **changes}), LOAD, SUBJECT, PROCESS)


def test_figures_within_every_limit_pass() -> None:
    verdict = judged()
    assert (verdict.verdict, verdict.reasons) == ("pass", ())
    shown = ("4,000 requests", "200/s", "0 failed", "p50 1.90 ms", "p95 3.10 ms", "p99 5.80 ms", "310 µs", "a process")
    assert [one for one in shown if one not in headline(verdict)] == []


@pytest.mark.parametrize(
    "at_the_limit",
    [
        {"largest_ms": 1000.0},
        {"growth_mb": 32.0},
        {"p50_ms": 10.0},
        {"p95_ms": 50.0},
        {"p99_ms": 100.0},
        {"faults": (("status 500", 40),)},
        {"seconds": 20 / 0.95},
    ],
)
def test_a_figure_at_its_limit_passes(at_the_limit: dict[str, Any]) -> None:
    assert judged(**at_the_limit).verdict == "pass"


@pytest.mark.parametrize(
    ("beyond", "seen", "key", "code"),
    [
        ({"p50_ms": 10.01}, "The p50 latency was 10.01 ms, required at most 10 ms", "max_p50_ms", "p50_limit"),
        ({"p95_ms": 50.01}, "was 50.01 ms, required at most 50 ms", "max_p95_ms", "p95_limit"),
        ({"p99_ms": 100.01}, "was 100.01 ms, required at most 100 ms", "max_p99_ms", "p99_limit"),
        ({"largest_ms": 2004.0}, "wait for an answer was 2004 ms, required at most 1000 ms", "max_stall_ms", "stall"),
        (
            {"faults": (("status 500", 44),)},
            "was 1.10% (44 of 4,000; 44 × status 500), required at",
            "max_error_share",
            "errors",
        ),
        (
            {"faults": (("wrong prediction", 1),)},
            "wrong answers with status 200 was 1 of 4,000; 1 × wrong prediction, required 0",
            "max_error_share",
            "wrong_answers",
        ),
        ({"seconds": 21.1}, "was 189.6 requests/s, required at least 190.0 (95% of 200)", "min_rate_share", "rate"),
        (
            {"growth_mb": 32.1},
            "was 32.1 MB over 4,000 requests of 3,900 distinct rows, required at",
            "max_growth_mb",
            "memory_growth",
        ),
    ],
)
def test_a_figure_beyond_its_limit_fails_with_what_was_seen_the_key_and_its_code(
    beyond: dict[str, Any], seen: str, key: str, code: str
) -> None:
    verdict = judged(**beyond)
    assert verdict.verdict == "fail"
    assert verdict.reason_codes == (code,)
    assert len(verdict.reasons) == 1
    assert seen in verdict.reasons[0]
    assert f"load.{key}" in verdict.reasons[0]
    assert [check.passed for check in verdict.checks].count(False) == 1


def test_a_service_that_had_to_be_killed_fails() -> None:
    verdict = judged(was_killed=True)
    assert verdict.reason_codes == ("killed",)
    assert "SIGKILL" in verdict.reasons[0]
    assert "10 s" in verdict.reasons[0]


def test_a_rate_that_was_not_reached_may_be_the_clients_doing() -> None:
    verdict = judged(seconds=40.0)
    assert verdict.reason_codes == ("rate",)
    assert "the client" in verdict.reasons[0].lower()


def test_every_broken_limit_has_its_own_reason() -> None:
    assert len(judged(p50_ms=11.0, p95_ms=51.0, p99_ms=101.0, faults=(("status 500", 99),), seconds=40.0).reasons) == 5


def test_a_p99_that_was_spent_waiting_to_be_sent_is_told_apart() -> None:
    assert "5.50 ms" in judged(p99_ms=101.0).reasons[0]
    assert "100.50 ms" not in judged(p99_ms=101.0, p99_from_sent_ms=100.5).reasons[0]


def plan(*blocks: Block) -> Plan:
    variants = (Variant(model="sha256:1", requests=()), Variant(model="sha256:2", requests=()))
    return Plan(requests_per_second=100, connections=4, warmup_seconds=1, variants=variants, blocks=blocks)


def measured(samples: Iterable[Sample], *cpu_seconds: float) -> Measured:
    return Measured(samples=tuple(samples), cpu_seconds=cpu_seconds, resident_mb=((80.0, 81.5), (70.0, 90.0)))


def test_figures_come_from_all_counted_requests() -> None:
    samples = (Sample(0, n / 100, n / 100, n / 100 + 0.002, "status 500" if n < 3 else "") for n in range(100))
    seen = figures(plan(*one_block(100)), measured(samples, 0.05), 0, peak_mb=80.0, was_killed=False)
    assert (seen.requests, seen.failures, seen.requests_per_second) == (100, 3, 100.0)
    assert seen.p50_ms == seen.p99_ms == seen.largest_ms == 2.0
    assert seen.cpu_us_per_request == pytest.approx(500)
    assert seen.growth_mb == 1.5


def test_a_backlog_after_the_end_lowers_the_rate() -> None:
    samples = (Sample(0, n / 100, n / 50, n / 50 + 0.02, "") for n in range(100))
    seen = figures(plan(*one_block(100)), measured(samples, 0.05), 0, peak_mb=80.0, was_killed=False)
    assert seen.requests_per_second == pytest.approx(50)


def test_each_arm_has_the_figures_of_its_own_blocks() -> None:
    blocks = (Block(variant=0, begin_s=0, requests=2), Block(variant=1, begin_s=1, requests=2))
    samples = [Sample(n // 2, n, n, n + (0.001 if n < 2 else 0.005), "" if n < 2 else "status 500") for n in range(4)]
    one, other = (
        figures(plan(*blocks), measured(samples, 0.2, 0.8), variant, peak_mb=1, was_killed=False) for variant in (0, 1)
    )
    assert (one.p50_ms, one.failures) == (1.0, 0)
    assert one.cpu_us_per_request == pytest.approx(100_000)
    assert (other.p50_ms, other.failures) == (5.0, 2)
    assert other.cpu_us_per_request == pytest.approx(400_000)


def compared(low: float, failures: int = 0, figure: str = "cpu") -> PairedRun:
    ratio = {"figure": figure, "unit": "us", "challenger": 120, "champion": 100, "ratio": 1.2, "low": low, "high": 1.3}
    return PairedRun.model_validate(
        {"champion": "sha256:2", "served": "as a process", "blocks": 20, "block_seconds": 1, "confidence": 0.95}
        | {"max_ratio": 1.1, "failures": failures, "ratios": ({**ratio, "passed": low <= 1.1},)}
    )


def test_a_ratio_whose_lower_bound_is_at_the_limit_passes() -> None:
    verdict = judge(WITHIN, LOAD, SUBJECT, PROCESS, compared(low=1.1))
    assert (verdict.verdict, verdict.reason_codes) == ("pass", ())
    assert "cpu × 1.20" in headline(verdict)


@pytest.mark.parametrize("figure", ["p50", "p95", "cpu"])
def test_a_ratio_significantly_beyond_the_limit_fails_with_the_code_of_its_figure(figure: str) -> None:
    verdict = judge(WITHIN, LOAD, SUBJECT, PROCESS, compared(low=1.11, figure=figure))
    assert verdict.reason_codes == (f"slower_{figure}",)
    for shown in ("1.20 [1.11, 1.30]", "120.00", "100.00 µs", "20 blocks", "load.max_ratio"):
        assert shown in verdict.reasons[0]


def test_a_champion_that_answers_wrongly_is_nothing_to_compare_with() -> None:
    verdict = judge(WITHIN, LOAD, SUBJECT, PROCESS, compared(low=1.0, failures=2))
    assert (verdict.verdict, verdict.reason_codes) == ("fail", ("no_comparison",))


def test_without_a_champion_the_headline_says_that_the_absolute_limits_decide() -> None:
    assert "no champion" in headline(judged())
