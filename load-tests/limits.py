"""From what was measured to a verdict: a check for each limit of [load], a sentence for each that is broken."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from child_process import STOP_SECONDS
from latency import from_due_ms, from_sent_ms, percentile
from plan import Measured

from contracts.config import Load
from contracts.decision import Check
from contracts.verdict import LoadVerdict

MOST_FAULTS = 3


@dataclass(frozen=True)
class Figures:
    """What a client and the machine saw. Latencies in ms from the due time, those from the sending beside them."""

    requests: int
    faults: tuple[tuple[str, int], ...]
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    largest_ms: float
    p99_from_sent_ms: float
    cpu_us_per_request: float
    peak_mb: float
    was_killed: bool

    @property
    def failures(self) -> int:
        return sum(count for _, count in self.faults)

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


def figures(measured: Measured, seconds: float, peak_mb: float, was_killed: bool) -> Figures:
    """Figures of at least one counted request.

    `seconds`: how long requests were due; with a backlog it took longer. `was_killed`: SIGTERM did not end the service.
    """
    samples = measured.samples
    latencies = from_due_ms(samples)
    return Figures(
        requests=len(samples),
        faults=tuple(Counter(sample.fault for sample in samples if sample.fault).most_common()),
        seconds=max(seconds, *(sample.done_s for sample in samples)),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        largest_ms=latencies[-1],
        p99_from_sent_ms=percentile(from_sent_ms(samples), 0.99),
        cpu_us_per_request=1e6 * measured.cpu_seconds / len(samples),
        peak_mb=peak_mb,
        was_killed=was_killed,
    )


def judge(seen: Figures, load: Load, model: str) -> LoadVerdict:
    """The verdict on a service that ran as a process: pass if every check did."""
    checks = tuple(_checks(seen, load))
    broken = [one for one in checks if not one.passed]
    reasons = tuple(f"The {one.name} was {one.seen}, required {one.required}. {one.remedy}" for one in broken)
    return LoadVerdict(
        verdict="fail" if reasons else "pass",
        reasons=reasons,
        model=model,
        target="process",
        requests=seen.requests,
        failures=seen.failures,
        seconds=round(seen.seconds, 3),
        requests_per_second=round(seen.requests_per_second, 2),
        p50_ms=seen.p50_ms,
        p95_ms=seen.p95_ms,
        p99_ms=seen.p99_ms,
        largest_ms=seen.largest_ms,
        cpu_us_per_request=round(seen.cpu_us_per_request, 1),
        peak_mb=round(seen.peak_mb, 1),
        checks=checks,
    )


def headline(verdict: LoadVerdict) -> str:
    return (
        f"{verdict.requests:,} requests at {verdict.requests_per_second:.0f}/s, {verdict.failures:,} failed; "
        f"p50 {verdict.p50_ms:.2f} ms, p95 {verdict.p95_ms:.2f} ms, p99 {verdict.p99_ms:.2f} ms; "
        f"{verdict.cpu_us_per_request:.0f} µs CPU a request."
    )


def _checks(seen: Figures, load: Load) -> Iterator[Check]:
    yield _latency("p50", seen.p50_ms, load.max_p50_ms, "load.max_p50_ms")
    yield _latency("p95", seen.p95_ms, load.max_p95_ms, "load.max_p95_ms")
    waited = ""
    if seen.p99_from_sent_ms <= load.max_p99_ms < seen.p99_ms:
        waited = f"From its sending it was {seen.p99_from_sent_ms:.2f} ms: requests waited for a free connection. "
    yield _latency("p99", seen.p99_ms, load.max_p99_ms, "load.max_p99_ms", waited)
    yield _errors(seen, load)
    yield _rate(seen, load)
    yield _end(seen)


def _latency(name: str, milliseconds: float, limit: float, key: str, waited: str = "") -> Check:
    counted = f"It counts from when a request was due. {waited}"
    return Check(
        name=f"{name} latency",
        passed=milliseconds <= limit,
        seen=f"{milliseconds:.2f} ms",
        required=f"at most {limit:g} ms",
        remedy=f"{counted}Make the service faster, or raise {key} in pipeline.toml.",
    )


def _errors(seen: Figures, load: Load) -> Check:
    share = seen.failures / seen.requests
    return Check(
        name="share of failed requests",
        passed=share <= load.max_error_share,
        seen=f"{share:.2%} ({seen.failures:,} of {seen.requests:,}{_most_frequent(seen.faults)})",
        required=f"at most {load.max_error_share:.2%}",
        remedy="Look into service.log and locust_failures.csv, or raise load.max_error_share in pipeline.toml.",
    )


def _most_frequent(faults: Sequence[tuple[str, int]]) -> str:
    return "".join(f"; {count:,} × {fault}" for fault, count in faults[:MOST_FAULTS])


def _rate(seen: Figures, load: Load) -> Check:
    required = load.min_rate_share * load.requests_per_second
    return Check(
        name="rate reached",
        passed=seen.requests_per_second >= required,
        seen=f"{seen.requests_per_second:.1f} requests/s",
        required=f"at least {required:.1f} ({load.min_rate_share:.0%} of {load.requests_per_second:g})",
        remedy="The client or the machine could not keep up, or the service could not: lower load.requests_per_second, "
        "raise load.connections, or lower load.min_rate_share in pipeline.toml.",
    )


def _end(seen: Figures) -> Check:
    return Check(
        name="end of the service",
        passed=not seen.was_killed,
        seen="by SIGKILL" if seen.was_killed else "in order",
        required=f"within {STOP_SECONDS:.0f} s of SIGTERM",
        remedy="Requests were still at work, or its shutdown hangs: look into service.log.",
    )
