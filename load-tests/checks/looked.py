"""Turns what was observed besides the load into checks, and tells whether a busy machine explains a slow answer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from plan import Machine

from contracts.decision import Check
from contracts.pipeline_toml.keys import Load
from contracts.verdict import LoadReason

MOST_FAULTS = 3
# A request waits for a core three times: in the client to send it, in the service, in the client to read the answer.
WAKE_UPS = 3
# From this share on, other processes can double a wait on two cores.
BUSY_SHARE = 0.15
# The limits that a busy machine can break.
OF_TIME: tuple[LoadReason, ...] = ("p50_limit", "p95_limit", "p99_limit", "stall", "rate")


@dataclass(frozen=True)
class Looked:
    """The faults of all routes on `rows`, the faults of the log, and the state of the machine."""

    rows: int = 0
    routes: Counter[str] = field(default_factory=Counter)
    log: Counter[str] = field(default_factory=Counter)
    machine: Machine | None = None


def beside(looked: Looked) -> Iterator[tuple[LoadReason, Check]]:
    """The checks of routes and log; none if no row was sent."""
    if not looked.rows:
        return
    yield (
        "other_routes",
        Check(
            name="number of faults of all routes, one row, batches, Arrow, V2 and feedback,",
            passed=not looked.routes,
            seen=f"{looked.routes.total():,} of {looked.rows:,}{most_frequent(looked.routes.most_common())}",
            required="0",
            remedy="A route answers otherwise than the model for the same row: send it that row by hand.",
        ),
    )
    yield (
        "request_log",
        Check(
            name="number of faults of the request log",
            passed=not looked.log,
            seen=f"{looked.log.total():,}{most_frequent(looked.log.most_common())}",
            required="0: each answer has one record, with the row that was sent and the model's prediction",
            remedy="Drift and feedback read this log: see requests/ and service/log/.",
        ),
    )


def most_frequent(faults: Sequence[tuple[str, int]]) -> str:
    """The most frequent faults, to follow a number."""
    return "".join(f"; {count:,} × {fault}" for fault, count in faults[:MOST_FAULTS])


def is_the_machines(
    code: LoadReason, latencies_ms: tuple[float, float, float, float], load: Load, machine: Machine | None
) -> bool:
    """Whether other processes were busy and the limit is kept once the lag of each wake-up is subtracted.

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


def described(machine: Machine | None) -> str:
    """The machine's state in a clause; empty if the kernel does not tell."""
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
        f"Could not be measured, because the machine was busy with something else: {described(machine)}. The service "
        "neither passed nor failed: run `make load-test` again when nothing else runs."
    )
