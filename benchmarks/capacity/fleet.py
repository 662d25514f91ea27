"""What many replicas need and leave behind, from the model and measured volumes, and what bounds each part first."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.capacity.edge import EdgeCosts
from benchmarks.capacity.event_loop import Costs, Stalls, one_replica
from benchmarks.capacity.volumes import LogVolume, MetricVolume

DAY, MONTH_DAYS = 86_400, 30
A_DAY = 10**9
FLEETS = (10, 100, 1000)
SIMULATED_SECONDS = 20.0
# Up to where the model was checked.
SHARES = tuple(step / 20 for step in range(2, 17))
# LOG_KEEP_MB's default.
KEEP_BYTES = 1024 * 1024**2
DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Assumptions:
    """What is not measured. `peak`: the busiest second's rate by the day's mean; `busy`: the most of a core or disk.

    Prices are in one currency: of a million puts, of a million gets and lists, of a gigabyte in a month.
    """

    p99_ms: float = 25.0
    peak: float = 3.0
    busy: float = 0.7
    rotate_mb: int = 64
    rotate_hours: int = 1
    window_days: int = 7
    keep_days: int = 90
    scrape_seconds: int = 10
    prometheus_gb: float = 16.0
    pushes_a_day: int = 10
    put_price: float = 5.0
    get_price: float = 0.4
    gigabyte_price: float = 0.023


@dataclass(frozen=True)
class Known:
    """What was measured here. `allowance`: by how much the model's p99 may be too low, as its checks show.

    `row_seconds`: a drift run's CPU for a row of Parquet. `push_minutes`: of runners, for a push.
    """

    costs: Costs
    edge: EdgeCosts
    stalls: Stalls
    allowance: float
    log: LogVolume
    metrics: MetricVolume
    row_seconds: float
    push_minutes: int


def usable_rate(known: Known, p99_ms: float, seconds: float = SIMULATED_SECONDS) -> float:
    """Requests/s of one replica up to which the model's p99, with its allowance, is at most so long.

    Raises SystemExit where no load is answered so fast.
    """
    most, usable = (1 - known.stalls.share) / known.costs.request, 0.0
    for share in SHARES:
        random = np.random.default_rng(0)
        arrivals = np.sort(random.uniform(0, seconds, round(share * most * seconds)))
        outcome = one_replica(arrivals, known.costs, known.stalls.drawn(seconds, random))
        if outcome.refused or known.allowance * outcome.quantile_ms(0.99) > p99_ms:
            break
        usable = share * most
    if not usable:
        raise SystemExit(f"No load of one replica has a p99 of {p99_ms:g} ms here. Name a longer one: --p99-ms.")
    return usable


@dataclass(frozen=True)
class Fleet:
    """So many replicas. `a_day`: predictions; `peak`: requests/s in the busiest second."""

    replicas: int
    a_day: float
    peak: float

    def objects(self, known: Known, given: Assumptions) -> float:
        """Segments a day: by size, or by age."""
        by_size = self.a_day / self.replicas * known.log.raw / (given.rotate_mb * 1024**2)
        return self.replicas * max(by_size, 24 / given.rotate_hours)

    def gets(self, known: Known, given: Assumptions) -> float:
        """Of a drift run in object storage: it lists a month, counts, and reads; each in pieces of a MiB."""
        objects = given.window_days * self.objects(known, given)
        packed = given.window_days * self.a_day * known.log.packed
        return objects / 1000 * MONTH_DAYS / given.window_days + 2 * max(objects, packed / 2**20)


def fleets(rate: float, given: Assumptions) -> list[Fleet]:
    """10⁹ a day, with a replica to spare, and fleets that are as busy as their p99 allows."""
    peak = A_DAY / DAY * given.peak
    needed = math.ceil(peak / rate) + 1
    return [Fleet(needed, A_DAY, peak)] + [
        Fleet(number, number * rate / given.peak * DAY, number * rate) for number in FLEETS
    ]


WHAT = (
    ("predictions a day", "the mean; the peak is what must be answered"),
    ("requests/s at the peak", ""),
    ("replicas (a core each)", "one core runs one event loop: more replicas"),
    (
        "HAProxy: cores at the peak",
        "an edge has its host's cores: several behind DNS or a load balancer; or a Service",
    ),
    (
        "log, GB a day as written",
        "a replica's disk, of which the log takes `LOG_KEEP_MB` = 1 GB: a bucket",
    ),
    ("until that is full, minutes", "`LOG_KEEP_MB` must hold the longest time that the bucket may be down"),
    ("log, GB a day in the bucket", "its price: `keep_days`, fewer logged features"),
    ("log kept, TB and its price a month", "the bucket's own retention"),
    ("segments a day (puts)", "the hour, as long as replicas are little busy: a longer `LOG_ROTATE_HOURS`"),
    ("puts and gets, their price a month", "labels double the segments; one drift run a day"),
    ("gets of a drift run", "pieces of a MiB, twice: Parquet, once"),
    (
        "drift run on JSON Lines, core hours",
        "this, first of all: Parquet, written every day ([below](#drift-on-a-large-log))",
    ),
    ("drift run on Parquet, core hours", "DuckDB uses all cores of its machine; memory does not grow"),
    ("series in Prometheus", "memory"),
    ("of what {gb:g} GB of it hold", "a Prometheus for each cluster or zone, and one that federates their sums"),
    ("samples/s, and cores for them", "memory comes first"),
    ("runner minutes a month", "pushes, not predictions: nothing here grows with the traffic"),
)


def table(known: Known, given: Assumptions, rate: float) -> str:
    """In Markdown. `rate`: of one replica, requests/s."""
    columns = [_cells(known, given, one) for one in fleets(rate, given)]
    rows = [
        [what.format(gb=given.prometheus_gb), *cells, bound]
        for (what, bound), *cells in zip(WHAT, *columns, strict=True)
    ]
    head = ["", "10⁹ a day", *(f"{number:,} replicas" for number in FLEETS), "what bounds it, and then"]
    rule = ["---", *["---:"] * len(columns), "---"]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def said(known: Known, given: Assumptions, rate: float) -> str:
    """What the table assumes."""
    log, metrics = known.log, known.metrics
    return (
        f"One replica on a core of its own, single rows: up to {rate:,.0f} requests/s the p99 is at most "
        f"{given.p99_ms:g} ms, which is the model's times {known.allowance:.2f}, its worst error below the capacity. "
        f"Measured: {log.raw:.0f} bytes a record, {log.packed:.0f} packed; {1e6 * log.read_seconds:.1f} µs to read a "
        f"record again from JSON Lines, {1e6 * known.row_seconds:.2f} from Parquet (the table of 10⁸ rows); "
        f"{metrics.series} series a replica and {metrics.edge_series} an edge, {metrics.scrape_bytes / 1000:.0f} kB a "
        f"scrape; Prometheus needs {metrics.bytes_of_a_series / 1000:.1f} kB for a series and "
        f"{1e6 * metrics.seconds_of_a_sample:.1f} µs for a sample; {known.push_minutes} runner minutes a push "
        f"([benchmarks.md](benchmarks.md#minutes-on-github), each job rounded up). Assumed: the peak is {given.peak:g} "
        f"times the day's mean; an edge is {given.busy:.0%} busy at most; segments of {given.rotate_mb} MB or "
        f"{given.rotate_hours} h; a drift run a day, on {given.window_days} days; {given.keep_days} days kept; a "
        f"scrape every {given.scrape_seconds} s; {given.pushes_a_day} pushes a day. The command was given prices: "
        f"{given.put_price:g} for a million puts, {given.get_price:g} for a million gets, {given.gigabyte_price:g} for "
        f"a gigabyte and month."
    )


def _cells(known: Known, given: Assumptions, one: Fleet) -> list[str]:
    """In the order of WHAT."""
    log, metrics = known.log, known.metrics
    edge_cores = one.peak * known.edge.request
    edges = math.ceil(edge_cores / given.busy)
    written, sent = one.a_day * log.raw, one.a_day * log.packed
    kept = sent * given.keep_days
    puts, gets = one.objects(known, given), one.gets(known, given)
    rows = given.window_days * one.a_day
    series = one.replicas * metrics.series + edges * metrics.edge_series
    holds = given.prometheus_gb * 1e9 / metrics.bytes_of_a_series
    samples = series / given.scrape_seconds
    requests_price = MONTH_DAYS * (puts * given.put_price + gets * given.get_price) / 1e6
    return [
        f"{one.a_day / 1e9:,.3g} × 10⁹",
        f"{one.peak:,.0f}",
        f"{one.replicas:,}",
        f"{edge_cores:,.1f}",
        f"{written / 1e9:,.0f}",
        f"{KEEP_BYTES / (written / one.replicas) * DAY / 60:,.1f}",
        f"{sent / 1e9:,.0f}",
        f"{kept / 1e12:,.1f}: {kept / 1e9 * given.gigabyte_price:,.0f}",
        f"{puts:,.0f}",
        f"{requests_price:,.0f}",
        f"{gets:,.0f}",
        f"{rows * log.read_seconds / 3600:,.1f}",
        f"{rows * known.row_seconds / 3600:,.1f}",
        f"{series:,}",
        f"{100 * series / holds:.2g} %",
        f"{samples:,.0f}: {samples * metrics.seconds_of_a_sample:.2g}",
        f"{MONTH_DAYS * given.pushes_a_day * known.push_minutes:,}",
    ]


def row_seconds() -> float:
    """CPU seconds of a drift run for a row of Parquet: of the largest log in docs/scale.md's table."""
    lines = (DOCS / "scale.md").read_text(encoding="utf-8").partition("<!-- large log: begin -->")[2].splitlines()
    cells = [line.strip("| ").replace(",", "").split(" | ") for line in lines if re.match(r"\| [\d,]+ \|", line)]
    largest = max(cells, key=lambda row: int(row[0]))
    return float(largest[4]) / int(largest[0])


def push_minutes() -> int:
    """Of runners, for a push, each job's rounded up: from docs/benchmarks.md."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8").partition("| job now |")[2].partition("\n\n")[0]
    seconds = [int(line.strip("| ").split(" | ")[-1]) for line in text.splitlines()[2:]]
    return sum(math.ceil(one / 60) for one in seconds)
