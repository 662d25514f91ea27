"""How far one replica goes, and what bounds each part beyond it: a model of serving, checked on this machine.

The core seconds of requests, refusals and turns of the event loop are measured, and loads from half of the capacity to
five times of it are sent to one replica and to two behind HAProxy. The model (event_loop.py, edge.py) gets the same
arrivals. Then it says how many replicas a fleet needs, and measured volumes say what these leave behind. Needs Linux,
HAProxy, Prometheus, and `make train`. Two cores, and nothing else on them.

Reads   build/data, build/train/model; docs/scale.md and docs/benchmarks.md, for drift on 10⁸ rows and runner minutes.
Writes  docs/scale.md, between the marks of this part.

    python -m benchmarks.capacity [--seconds 2.5] [--p99-ms 25] [--peak 3] …
"""

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from benchmarks.capacity import checks, fleet
from benchmarks.capacity.edge import EdgeCosts
from benchmarks.capacity.event_loop import Stalls, all_of
from benchmarks.capacity.serving import Bench, Cell, Load, Measured, edge_cells, measured_of, replica_cells
from benchmarks.capacity.volumes import log_volume, metric_volume
from benchmarks.document import machine, write_section
from benchmarks.serving.requests import json_batches, replayed_rows, single
from benchmarks.serving.servers import cores
from contracts.model_folder import read_card
from contracts.pipeline_toml.reader import load_config
from contracts.stage import Build
from testbed.programs import SBIN

BATCH_ROWS = 100
BELOW, ALL = (0.5, 0.8), (0.5, 0.8, 1, 2, 5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench PART=capacity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"))
    for one in fields(fleet.Assumptions):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default)
    arguments = parser.parse_args()
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    if sys.platform != "linux" or not all(shutil.which(one, path=path) for one in ("haproxy", "prometheus")):
        raise SystemExit("This needs Linux with HAProxy and Prometheus. On Debian: apt install haproxy prometheus")
    given = fleet.Assumptions(**{one.name: getattr(arguments, one.name) for one in fields(fleet.Assumptions)})
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        text = measure(arguments, given, Path(folder))
    print(text)
    write_section("capacity", text, fleet.DOCS / "scale.md")


def check(bench: Bench, load: Load, cells: dict[str, list[Cell]]) -> tuple[Measured, EdgeCosts, Stalls]:
    """One replica, then two behind HAProxy; adds to `cells`."""
    with bench.replicas(1) as (server,):
        measured = measured_of(bench, load, server)
        alone = cells[f"{load.name}, one replica"] = list(replica_cells(bench, load, server, measured))
    stalls = all_of([one.seen.stalls for one in alone])
    edge, both = edge_cells(bench, load, measured, stalls)
    cells[f"{load.name}, two replicas behind HAProxy"] = both
    return measured, edge, stalls


def measure(arguments: argparse.Namespace, given: fleet.Assumptions, folder: Path) -> str:
    """Everything; returns the section's text."""
    build = Build(arguments.build)
    rows = replayed_rows(build, read_card(build.challenger))
    everywhere = os.sched_getaffinity(0)
    core, of_client = cores()
    bench = Bench(build.challenger.resolve(), folder, core, arguments.seconds)
    # Single rows beyond the capacity are more than this client can send.
    one_row = Load("single rows", single(rows), BELOW, overload=1.5)
    batches = Load(f"batches of {BATCH_ROWS} rows", json_batches(rows, BATCH_ROWS), ALL)
    os.sched_setaffinity(0, {of_client})
    cells: dict[str, list[Cell]] = {}
    known = {}
    for load in (one_row, batches):
        known[load.name] = check(bench, load, cells)
        print(load.name, *known[load.name][:2], flush=True)
    volume = log_volume(bench, one_row.requests, load_config(arguments.config).data.seed)
    os.sched_setaffinity(0, everywhere)
    metrics = metric_volume(bench)
    measured, edge, stalls = known[one_row.name]
    facts = fleet.Known(
        measured.costs, edge, stalls, checks.allowance(cells[f"{one_row.name}, one replica"]), volume, metrics,
        fleet.row_seconds(), fleet.push_minutes(),
    )  # fmt: skip
    print(checks.table(cells), checks.errors(cells), facts, sep="\n", flush=True)
    rate = fleet.usable_rate(facts, given.p99_ms)
    return "\n\n".join([
        f"{machine()} Measured : the model's.", checks.table(cells), checks.errors(cells),
        fleet.said(facts, given, rate), fleet.table(facts, given, rate),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
