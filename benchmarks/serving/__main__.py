"""How fast the service is, beside bare uvicorn (the ceiling) and the usual hand-written endpoint, in one run.

Each server has one core and the client another (if there are two). All run from the start; rounds are interleaved, so
that a slower machine slows all of them. Figures are medians over the rounds, ratios medians of each round's ratio.
The service has everything on: validation, request log, metrics. Needs Linux, and `make train`.

Reads   build/data, build/train/model, and build/image/image.json if an image was built.
Writes  docs/benchmarks.md, between the marks of this part.

    python -m benchmarks.serving [--rounds 5] [--seconds 2] [--build build] [--config pipeline.toml]
"""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.document import machine, write_section
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.requests import Row, arrow_batches, frame_of, json_batches, replayed_rows, single
from benchmarks.serving.results import (
    ARROW_BATCH,
    JSON_BATCH,
    OURS,
    SINGLE,
    USUAL,
    Cells,
    Measurement,
    Process,
    Scenario,
    measurement_of,
    tables,
)
from benchmarks.serving.servers import Kind, Server, cores, kinds, started
from benchmarks.serving.usual_model import write_usual_model
from contracts.exits import UsageError
from contracts.image import Image
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build
from scoring.encoder import Encoder
from scoring.scorer import Scorer, load_scorer

WARM_UP_SECONDS = 0.5
STARTS = 5
# The usual model is refitted with its columns in another order, so it breaks ties between splits differently.
MEAN_DIFFERENCE = 0.01

Requests = dict[Scenario, list[bytes]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench PART=serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"))
    arguments = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("The serving benchmark pins processes to cores, which only Linux can. Run it there.")
    try:
        text = measure(Build(arguments.build), load_config(arguments.config).data.seed, arguments)
    except UsageError as error:
        raise SystemExit(str(error)) from None
    print(text)
    write_section("serving", text)


def measure(build: Build, seed: int, arguments: argparse.Namespace) -> str:
    """Start all servers and measure them in turn; returns the section's text."""
    scorer = load_scorer(build.challenger)
    server_core, client_core = cores()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        rows = replayed_rows(build, scorer.card)
        model = write_usual_model(build, scorer.card, seed, folder / "usual")
        difference = differs_by(model.predict_proba(frame_of(rows)), rows, scorer)
        every = kinds(build.challenger.resolve(), folder / "usual", folder / "requests")
        os.sched_setaffinity(0, {client_core})
        cold = {kind.name: cold_starts(kind, server_core, folder) for kind in every}
        servers = [running.enter_context(started(kind, server_core, folder / f"{kind.name}.log")) for kind in every]
        requests: Requests = dict.fromkeys(SINGLE, single(rows))
        cells: Cells = {}
        for _ in range(arguments.rounds):
            add_round(cells, servers, requests, arguments.seconds)
        resident = {one.kind.name: one.resident_mb() for one in servers}
        batches: Requests = {JSON_BATCH: json_batches(rows), ARROW_BATCH: arrow_batches(rows, scorer.card.features)}
        for _ in range(arguments.rounds):
            add_round(cells, servers, batches, arguments.seconds)
        processes = {
            one.kind.name: Process(cold[one.kind.name], resident[one.kind.name], one.resident_mb()) for one in servers
        }
    places = "one core" if server_core == client_core else "two cores, server on one and client on the other"
    image = build.stage("build") / "image.json"
    return "\n\n".join(
        [
            f"{machine()} On {places}; medians of {arguments.rounds} rounds of {arguments.seconds:g} s. The usual "
            f"endpoint's probabilities differ from ours by {difference:.4f} on average.",
            tables(cells, processes, read_json(image, Image, "make build") if image.exists() else None),
        ]
    )


def differs_by(usual: npt.NDArray[np.float64], rows: list[Row], scorer: Scorer) -> float:
    """The mean difference of two models' probabilities. Raises SystemExit if it is too large for one model."""
    ours = scorer.predict(Encoder(scorer.card.features).rows(rows))
    difference = float(np.abs(usual - ours).mean())
    if difference > MEAN_DIFFERENCE:
        raise SystemExit(f"The usual endpoint's model differs by {difference:.3f} on average: it is another one.")
    return difference


def cold_starts(kind: Kind, core: int, folder: Path) -> float:
    """Median seconds from the process's start to its first 200."""
    seconds = []
    for _ in range(STARTS):
        with started(kind, core, folder / f"{kind.name}.log") as server:
            seconds.append(server.cold_start_seconds)
    return float(np.median(seconds))


def add_round(cells: Cells, servers: list[Server], requests: Requests, seconds: float) -> None:
    """Each scenario on each server that has it."""
    for scenario, bodies in requests.items():
        for server in servers:
            if scenario in SINGLE or server.kind.name == OURS or (server.kind.name, scenario) == (USUAL, JSON_BATCH):
                cell = run(server, scenario, bodies, seconds)
                print(f"{server.kind.name}, {scenario.name} × {scenario.connections}: {cell}", flush=True)
                cells.setdefault((server.kind.name, scenario), []).append(cell)


def run(server: Server, scenario: Scenario, requests: list[bytes], seconds: float) -> Measurement:
    """One server, one scenario, once."""
    closed_loop(server.address, requests, scenario.connections, WARM_UP_SECONDS)
    before = server.cpu_seconds()
    seen = closed_loop(server.address, requests, scenario.connections, seconds)
    return measurement_of(seen, server.cpu_seconds() - before, scenario.rows)


if __name__ == "__main__":
    main()
