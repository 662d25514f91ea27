"""The measurements, and the tables made from them."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.serving.closed_loop import ClosedLoop
from contracts.image import Image


@dataclass(frozen=True)
class Scenario:
    """The requests to send. `rows`: in each request."""

    name: str
    connections: int
    rows: int = 1


@dataclass(frozen=True)
class Measurement:
    """One server in one round of one scenario."""

    rows_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float


@dataclass(frozen=True)
class Process:
    """One server's process."""

    cold_start_seconds: float
    resident_mb: float
    resident_after_mb: float


@dataclass(frozen=True)
class Ratio:
    """One figure of ours against another server's. `required`: by this project's design."""

    meaning: str
    value: float
    required: str


Cells = dict[tuple[str, Scenario], list[Measurement]]
SINGLE = tuple(Scenario("single row", connections) for connections in (1, 16, 64))
JSON_BATCH = Scenario("JSON", 2, 1000)
ARROW_BATCH = Scenario("Arrow", 2, 1000)
OURS, BARE, USUAL = "this service", "bare uvicorn", "hand-written"


def measurement_of(seen: ClosedLoop, cpu_seconds: float, rows: int) -> Measurement:
    """The figures of one run."""
    p50, p99 = np.percentile(seen.latencies, [50, 99]) * 1e3
    return Measurement(seen.per_second * rows, float(p50), float(p99), cpu_seconds / len(seen.latencies) * 1e6)


def median(cells: Iterable[Measurement], figure: Callable[[Measurement], float]) -> float:
    """The median of a figure over the rounds."""
    return statistics.median(map(figure, cells))


def ratios(cells: Cells, ours: Process) -> list[Ratio]:
    """Each is the median of the rounds' ratios, so that whatever slows a round slows both servers."""
    one, sixteen, _ = SINGLE

    def speed(mine: Scenario, other: str, theirs: Scenario) -> float:
        pairs = zip(cells[OURS, mine], cells[other, theirs], strict=True)
        return statistics.median(a.rows_per_second / b.rows_per_second for a, b in pairs)

    slowest = zip(cells[OURS, one], cells[BARE, one], strict=True)
    return [
        Ratio("requests/s at 16 connections, of hand-written", speed(sixteen, USUAL, sixteen), "≥ 45"),
        Ratio("requests/s at 16 connections, of bare uvicorn", speed(sixteen, BARE, sixteen), "≥ 0.33"),
        Ratio(
            "p99 at 1 connection, of bare uvicorn", statistics.median(a.p99_ms / b.p99_ms for a, b in slowest), "≤ 2.7"
        ),
        Ratio("rows/s in JSON batches, of hand-written", speed(JSON_BATCH, USUAL, JSON_BATCH), "≥ 3.5"),
        Ratio("rows/s in Arrow batches, of hand-written", speed(ARROW_BATCH, USUAL, JSON_BATCH), "≥ 5"),
        Ratio("resident MB", ours.resident_mb, "≤ 110"),
        Ratio("cold start, seconds", ours.cold_start_seconds, "≤ 0.8"),
    ]


def tables(cells: Cells, processes: dict[str, Process], image: Image | None) -> str:
    """All of them, in Markdown."""
    parts = [
        _ratio_table(ratios(cells, processes[OURS])),
        _single_table(cells),
        _batch_table(cells),
        _process_table(processes),
        _image_line(image),
    ]
    return "\n\n".join(part for part in parts if part)


def _ratio_table(found: Sequence[Ratio]) -> str:
    rows = [f"| {one.meaning} | {one.value:.3g} | {one.required} |" for one in found]
    return "\n".join(["| what | measured | required |", "| --- | ---: | ---: |", *rows])


def _single_table(cells: Cells) -> str:
    rows = [
        f"| {server} | {scenario.connections} | {_per_second(found)} | {_latencies(found)} | "
        f"{median(found, lambda one: one.cpu_us_per_request):,.0f} |"
        for (server, scenario), found in cells.items()
        if scenario in SINGLE
    ]
    header = "| single rows | connections | requests/s | p50 ms | p99 ms | CPU µs a request |"
    return "\n".join([header, "| --- | ---: | ---: | ---: | ---: | ---: |", *rows])


def _batch_table(cells: Cells) -> str:
    rows = [
        f"| {server} | {scenario.name} | {_per_second(found)} | {_latencies(found)} | "
        f"{median(found, lambda one: one.cpu_us_per_request) / 1000:,.2f} |"
        for (server, scenario), found in cells.items()
        if scenario not in SINGLE
    ]
    header = "| batches of 1,000 rows, 2 connections | as | rows/s | p50 ms | p99 ms | CPU ms a request |"
    return "\n".join([header, "| --- | --- | ---: | ---: | ---: | ---: |", *rows])


def _process_table(processes: dict[str, Process]) -> str:
    rows = [
        f"| {name} | {one.cold_start_seconds:.2f} | {one.resident_mb:.0f} | {one.resident_after_mb:.0f} |"
        for name, one in processes.items()
    ]
    header = "| process | cold start s | MB after single rows | MB after the batches |"
    return "\n".join([header, "| --- | ---: | ---: | ---: |", *rows])


def _image_line(image: Image | None) -> str:
    if image is None:
        return "The image: not built here (`make build`)."
    added = image.unpacked_bytes - image.base_unpacked_bytes, image.packed_bytes - image.base_packed_bytes
    return (
        f"The image (`make build`): {image.unpacked_bytes / 1e6:,.0f} MB unpacked, {image.packed_bytes / 1e6:,.0f} MB "
        f"compressed, of which {added[0] / 1e6:,.0f} and {added[1] / 1e6:,.0f} are added to the base; cold start "
        f"{image.cold_start_seconds:.2f} s, {image.idle_mb:.0f} MB idle."
    )


def _per_second(cells: Sequence[Measurement]) -> str:
    return f"{median(cells, lambda one: one.rows_per_second):,.0f}"


def _latencies(cells: Sequence[Measurement]) -> str:
    p50, p99 = median(cells, lambda one: one.p50_ms), median(cells, lambda one: one.p99_ms)
    return f"{p50:,.3f} | {p99:,.3f}"
