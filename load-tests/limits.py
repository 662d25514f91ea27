"""Judges the measurements by the limits of [load]: each broken limit gives a sentence and a code."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from answers import WRONG
from checks.looked import Looked, beside, described, is_the_machines, most_frequent, not_measured
from child_process import STOP_SECONDS
from latency import from_due_ms, from_sent_ms, percentile
from paired import CONFIDENCE
from plan import Measured, Plan
from targets import Target

from contracts.decision import Check
from contracts.pipeline_toml.keys import Load
from contracts.verdict import LoadRatio, LoadReason, LoadVerdict, PairedRun

LEAST_LOOKS = 9
# Allocators request memory in such blocks, so less may be chance.
LEAST_GROWN_MB = 1.0
MEBIBYTE = 1024 * 1024
TITLES = {"p50": "p50 latency", "p95": "p95 latency", "cpu": "CPU time of a request"}
CODES: dict[str, LoadReason] = {"p50": "slower_p50", "p95": "slower_p95", "cpu": "slower_cpu"}


@dataclass(frozen=True)
class VariantFigures:
    """The figures of one service. Latencies in ms count from due; `p99_from_sent_ms` counts from sending."""

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
    growth_mb: float
    leak_bytes: float
    was_killed: bool
    distinct_rows: int

    @property
    def failures(self) -> int:
        return sum(count for _, count in self.faults)

    @property
    def wrong(self) -> int:
        return sum(count for fault, count in self.faults if fault in WRONG)

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


def figures(plan: Plan, measured: Measured, variant: int, peak_mb: float, was_killed: bool) -> VariantFigures:
    """Figures of one variant. `was_killed`: SIGTERM did not end the service.

    `seconds`: the length of its blocks; a block with a backlog lasts until its last answer.
    """
    blocks = {number: block for number, block in enumerate(plan.blocks) if block.variant == variant}
    samples = [sample for sample in measured.samples if sample.block in blocks]
    ends = {number: plan.seconds(block) for number, block in blocks.items()}
    for sample in samples:
        ends[sample.block] = max(ends[sample.block], sample.done_s - blocks[sample.block].begin_s)
    latencies = from_due_ms(samples)
    memory = measured.resident_mb[variant]
    return VariantFigures(
        requests=len(samples),
        faults=tuple(Counter(sample.fault for sample in samples if sample.fault).most_common()),
        seconds=sum(ends.values()),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        largest_ms=latencies[-1],
        p99_from_sent_ms=percentile(from_sent_ms(samples), 0.99),
        cpu_us_per_request=1e6 * sum(measured.cpu_seconds[number] for number in blocks) / len(samples),
        peak_mb=peak_mb,
        growth_mb=memory[-1] - memory[0],
        leak_bytes=leak_bytes(memory, len(samples)),
        was_killed=was_killed,
        distinct_rows=len({one.row for one in plan.variants[variant].requests}),
    )


def leak_bytes(memory: Sequence[float], requests: int) -> float:
    """Bytes kept per request, if memory grows in each of the last three quarters; else 0. `memory`: MiB, evenly spaced.

    The first quarter does not count, because a process fills its caches then.
    """
    if len(memory) < LEAST_LOOKS:
        return 0.0
    ends = [memory[round(part * (len(memory) - 1))] for part in (0.25, 0.5, 0.75, 1.0)]
    grown = [after - before for before, after in itertools.pairwise(ends)]
    is_steady = min(grown) > 0 and sum(grown) >= LEAST_GROWN_MB
    return MEBIBYTE * sum(grown) / (0.75 * requests) if is_steady else 0.0


@dataclass(frozen=True)
class Subject:
    """What was loaded: digests of the model, of the data whose rows were replayed, and of pipeline.toml."""

    model: str
    data_digest: str
    settings: str


def judge(
    seen: VariantFigures,
    load: Load,
    subject: Subject,
    target: Target,
    paired: PairedRun | None = None,
    first_run: str = "",
    looked: Looked | None = None,
) -> LoadVerdict:
    """The verdict on the service that holds the model: pass if every check did.

    `first_run`: contracts/pipeline_toml/champion.py. `looked`: the checks besides the load.
    """
    looked = looked or Looked()
    checks = (*_checks(seen, load), *(_comparison(paired, load) if paired else ()), *beside(looked))
    broken = [(code, one) for code, one in checks if not one.passed]
    reasons = [f"The {one.name} was {one.seen}, required {one.required}. {one.remedy}" for _, one in broken]
    codes = [code for code, _ in broken]
    latencies = (seen.p50_ms, seen.p95_ms, seen.p99_ms, seen.largest_ms)
    is_unmeasured = bool(broken) and all(is_the_machines(code, latencies, load, looked.machine) for code in codes)
    if is_unmeasured:
        reasons = [not_measured(looked.machine), *reasons]
        codes = ["not_measured", *codes]
    return LoadVerdict(
        verdict="unmeasured" if is_unmeasured else "fail" if broken else "pass",
        reasons=tuple(reasons),
        reason_codes=tuple(codes),
        model=subject.model,
        data_digest=subject.data_digest,
        settings=subject.settings,
        target=target.kind,
        image=target.image_id,
        served=target.served,
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
        growth_mb=round(seen.growth_mb, 1),
        machine=described(looked.machine),
        checks=tuple(one for _, one in checks),
        paired=paired,
        first_run=first_run,
    )


def headline(verdict: LoadVerdict) -> str:
    """The main figures in one line."""
    absolute = (
        f"{verdict.requests:,} requests at {verdict.requests_per_second:.0f}/s, {verdict.failures:,} failed; "
        f"p50 {verdict.p50_ms:.2f} ms, p95 {verdict.p95_ms:.2f} ms, p99 {verdict.p99_ms:.2f} ms; "
        f"{verdict.cpu_us_per_request:.0f} µs CPU a request; loaded {verdict.served}."
    )
    if verdict.paired is None:
        return f"{absolute} {verdict.first_run or 'There is no champion.'} The absolute limits alone decide."
    compared = ", ".join(f"{one.figure} × {_interval(one)}" for one in verdict.paired.ratios)
    return f"{absolute} Against the champion: {compared}."


def _checks(seen: VariantFigures, load: Load) -> Iterator[tuple[LoadReason, Check]]:
    yield "p50_limit", _latency("p50", seen.p50_ms, load.max_p50_ms, "load.max_p50_ms")
    yield "p95_limit", _latency("p95", seen.p95_ms, load.max_p95_ms, "load.max_p95_ms")
    waited = ""
    if seen.p99_from_sent_ms <= load.max_p99_ms < seen.p99_ms:
        waited = f"From its sending it was {seen.p99_from_sent_ms:.2f} ms: requests waited for a free connection. "
    yield "p99_limit", _latency("p99", seen.p99_ms, load.max_p99_ms, "load.max_p99_ms", waited)
    yield "stall", _stall(seen, load)
    yield "errors", _errors(seen, load)
    yield "wrong_answers", _wrong_answers(seen)
    yield "rate", _rate(seen, load)
    yield "memory_growth", _growth(seen, load)
    yield "memory_leak", _leak(seen, load)
    yield "killed", _end(seen)


def _latency(name: str, milliseconds: float, limit: float, key: str, waited: str = "") -> Check:
    counted = f"It counts from when a request was due. {waited}"
    return Check(
        name=f"{name} latency",
        passed=milliseconds <= limit,
        seen=f"{milliseconds:.2f} ms",
        required=f"at most {limit:g} ms",
        remedy=f"{counted}Make the service faster, or raise {key} in pipeline.toml.",
    )


def _stall(seen: VariantFigures, load: Load) -> Check:
    return Check(
        name="longest wait for an answer",
        passed=seen.largest_ms <= load.max_stall_ms,
        seen=f"{seen.largest_ms:.0f} ms",
        required=f"at most {load.max_stall_ms:g} ms",
        remedy="The service, or the whole machine, stopped for a while: measured.json says when. Or raise "
        "load.max_stall_ms in pipeline.toml.",
    )


def _errors(seen: VariantFigures, load: Load) -> Check:
    faults = [(fault, count) for fault, count in seen.faults if fault not in WRONG]
    failed = sum(count for _, count in faults)
    share = failed / seen.requests
    return Check(
        name="share of failed requests",
        passed=share <= load.max_error_share,
        seen=f"{share:.2%} ({failed:,} of {seen.requests:,}{most_frequent(faults)})",
        required=f"at most {load.max_error_share:.2%}",
        remedy="Look into service.log and locust_failures.csv, or raise load.max_error_share in pipeline.toml.",
    )


def _wrong_answers(seen: VariantFigures) -> Check:
    faults = [(fault, count) for fault, count in seen.faults if fault in WRONG]
    return Check(
        name="number of wrong answers with status 200",
        passed=not seen.wrong,
        seen=f"{seen.wrong:,} of {seen.requests:,}{most_frequent(faults)}",
        required="0, whatever load.max_error_share in pipeline.toml allows",
        remedy="The service answers otherwise than its model for the same row as training has it: see "
        "locust_failures.csv. Either the service is wrong, or the data stage reads the source otherwise.",
    )


def _rate(seen: VariantFigures, load: Load) -> Check:
    required = load.min_rate_share * load.requests_per_second
    return Check(
        name="rate reached",
        passed=seen.requests_per_second >= required,
        seen=f"{seen.requests_per_second:.1f} requests/s",
        required=f"at least {required:.1f} ({load.min_rate_share:.0%} of {load.requests_per_second:g})",
        remedy="The client or the machine could not keep up, or the service could not: lower load.requests_per_second, "
        "raise load.connections, or lower load.min_rate_share in pipeline.toml.",
    )


def _growth(seen: VariantFigures, load: Load) -> Check:
    measured, limit = f"{seen.growth_mb:.1f} MB", f"{load.max_growth_mb:g} MB"
    remedy = (
        "The service keeps something of each request: look for the leak, or raise load.max_growth_mb in pipeline.toml."
    )
    return _kept(seen, "growth of its memory under load", seen.growth_mb <= load.max_growth_mb, measured, limit, remedy)


def _leak(seen: VariantFigures, load: Load) -> Check:
    name, passed = "memory kept of each request, growing all the time,", seen.leak_bytes <= load.max_leak_bytes
    measured, limit = f"{seen.leak_bytes:,.0f} bytes", f"{load.max_leak_bytes:,g}"
    remedy = (
        "A slow leak: after hours it is all of the memory. Look for what grows with each request, or raise "
        "load.max_leak_bytes in pipeline.toml."
    )
    return _kept(seen, name, passed, measured, limit, remedy)


def _kept(seen: VariantFigures, name: str, passed: bool, measured: str, limit: str, remedy: str) -> Check:
    rows = f"{seen.requests:,} requests of {seen.distinct_rows:,} distinct rows"
    return Check(name=name, passed=passed, seen=f"{measured} over {rows}", required=f"at most {limit}", remedy=remedy)


def _end(seen: VariantFigures) -> Check:
    return Check(
        name="end of the service",
        passed=not seen.was_killed,
        seen="by SIGKILL" if seen.was_killed else "in order",
        required=f"within {STOP_SECONDS:.0f} s of SIGTERM",
        remedy="Requests were still at work, or its shutdown hangs: look into service.log.",
    )


def _comparison(paired: PairedRun, load: Load) -> Iterator[tuple[LoadReason, Check]]:
    yield (
        "no_comparison",
        Check(
            name="number of the champion's requests that failed",
            passed=paired.failures == 0,
            seen=f"{paired.failures:,}",
            required="0, or there is nothing to compare with",
            remedy="Look into champion/service.log and locust_failures.csv; `make champion` fetches the champion anew.",
        ),
    )
    for one in paired.ratios:
        yield CODES[one.figure], _slower(one, paired, load)


def _slower(one: LoadRatio, paired: PairedRun, load: Load) -> Check:
    unit = "µs" if one.unit == "us" else "ms"
    return Check(
        name=f"{TITLES[one.figure]}, challenger over champion,",
        passed=one.passed,
        seen=f"{_interval(one)} ({one.challenger:.2f} against {one.champion:.2f} {unit}, {paired.blocks} blocks each)",
        required=f"a lower bound of at most {load.max_ratio:g}, one-sided at {CONFIDENCE:g}",
        remedy="Make it faster, or raise load.max_ratio in pipeline.toml.",
    )


def _interval(one: LoadRatio) -> str:
    return f"{one.ratio:.2f} [{one.low:.2f}, {one.high:.2f}]"
