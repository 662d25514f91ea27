"""From what was seen beside the load to checks, and to whose doing a broken limit on time was."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from plan import Machine

from contracts.decision import Check
from contracts.pipeline_toml.keys import Load
from contracts.verdict import LoadReason

MOST_FAULTS = 3
# A request waits for a core three times: the client to send it, the service to answer it, the client to read it.
WAKE_UPS = 3
# From here on others can double a wait on two cores.
BUSY_SHARE = 0.15
# What a machine that is busy with something else breaks: p50, p95, p99, the longest wait, the rate.
OF_TIME: tuple[LoadReason, ...] = ("p50_limit", "p95_limit", "p99_limit", "stall", "rate")


@dataclass(frozen=True)
class Looked:
    """Faults of `rows` that all routes were asked for, faults of the log, and the machine."""

    rows: int = 0
    routes: Counter[str] = field(default_factory=Counter)
    log: Counter[str] = field(default_factory=Counter)
    machine: Machine | None = None


def beside(looked: Looked) -> Iterator[tuple[LoadReason, Check]]:
    """The checks of routes and log; none where they were not looked at."""
    if not looked.rows:
        return
    yield (
        "other_routes",
        Check(
            name="number of faults of all routes, one row, batches, Arrow, V2 and feedback,",
            passed=not looked.routes,
            seen=f"{looked.routes.total():,} of {looked.rows:,}{most_frequent(looked.routes.most_common())}",
            required="0",
            remedy="A route does not answer what the model says of the same row: ask it for that row by hand.",
        ),
    )
    yield (
        "request_log",
        Check(
            name="number of faults of the request log",
            passed=not looked.log,
            seen=f"{looked.log.total():,}{most_frequent(looked.log.most_common())}",
            required="0: each answer has one record, of the row that was sent, with what the model says of it",
            remedy="Drift and feedback read this log: look into requests/ and service/log/.",
        ),
    )


def most_frequent(faults: Sequence[tuple[str, int]]) -> str:
    """The first few, to stand behind a number."""
    return "".join(f"; {count:,} × {fault}" for fault, count in faults[:MOST_FAULTS])


def is_the_machines(
    code: LoadReason, latencies_ms: tuple[float, float, float, float], load: Load, machine: Machine | None
) -> bool:
    """Whether others were busy, and what is left without an idle wait's lag at each wake-up keeps the limit.

    `latencies_ms`: p50, p95, p99 and the longest, as in Machine.lag_ms.
    """
    if code not in OF_TIME or machine is None or machine.others_share + machine.steal_share < BUSY_SHARE:
        return False
    limits = (load.max_p50_ms, load.max_p95_ms, load.max_p99_ms, load.max_stall_ms)
    kept = [
        figure - WAKE_UPS * lag <= limit
        for figure, lag, limit in zip(latencies_ms, machine.lag_ms, limits, strict=True)
    ]
    return all(kept) if code == "rate" else kept[OF_TIME.index(code)]


def told(machine: Machine | None) -> str:
    """The machine in a clause; empty where the kernel does not tell."""
    if machine is None:
        return ""
    return (
        f"others used {machine.others_share:.0%} of the machine, {machine.steal_share:.0%} was stolen; a client that "
        f"only waits woke up {machine.lag_ms[1]:.1f} ms late at its p95, {machine.lag_ms[3]:.0f} ms at most; the "
        f"services stood {machine.waited_ms:.2f} ms in the run queue for each request"
    )


def not_measured(machine: Machine | None) -> str:
    """The first reason of a verdict that is neither pass nor fail."""
    return (
        f"Could not be measured, for the machine was busy with something else: {told(machine)}. The service is neither "
        "passed nor failed: run `make load-test` again when nothing else runs."
    )
