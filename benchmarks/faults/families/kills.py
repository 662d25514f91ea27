"""kill -9 under load, 100 times: every acknowledged record must be in the log; a kill may tear one line at most."""

import random
from pathlib import Path
from time import perf_counter

from benchmarks.faults.figure import Figure, all_of, at_most, none_of, note
from benchmarks.faults.log_contents import labels_in, predictions_in, window_in
from benchmarks.faults.mixed_load import MixedLoad
from benchmarks.faults.service_under_test import running_service
from deploy.load_client import LoadClient
from testbed.served_folders import write_folder

KILLS = 100
CONNECTIONS = 8
BATCH_ROWS = 300
# After the first answer. Random, with this seed, so that kills hit every phase.
KILL_AFTER_SECONDS = (0.02, 0.2)
SEED = 1


def run(folder: Path) -> list[Figure]:
    """Kill many times, then compare the logs with what was acknowledged."""
    model = write_folder(folder / "model", max_batch_rows=BATCH_ROWS)
    moments = random.Random(SEED)
    predictions: set[str] = set()
    labels: set[str] = set()
    under_load = 0
    for number in range(KILLS):
        load = kill_once(model, folder / str(number), moments.uniform(*KILL_AFTER_SECONDS))
        predictions |= load.predictions
        labels |= load.labels
        under_load += 0 in load.statuses + load.label_statuses
    everything = folder / "all"
    everything.mkdir()
    for path in folder.glob("*/*-*.jsonl"):
        path.rename(everything / path.name)
    return figures(everything, model, predictions, labels, under_load)


def kill_once(model: Path, log: Path, after_seconds: float) -> MixedLoad:
    """Start, load, kill. Returns the load with its acknowledgements."""
    with running_service(model, log) as service, LoadClient(service.address, CONNECTIONS) as client:
        load = MixedLoad(client, BATCH_ROWS)
        kill_at = perf_counter() + after_seconds
        load.keep_busy(CONNECTIONS, until=lambda: bool(load.predictions) and perf_counter() > kill_at)
        service.process.child.kill()
        load.drain(5)
    return load


def figures(log: Path, model: Path, predictions: set[str], labels: set[str], under_load: int) -> list[Figure]:
    """The log in this folder against what was acknowledged."""
    kept, kept_labels, window = predictions_in(log), labels_in(log), window_in(log, model)
    return [
        all_of("kills that interrupted a request", under_load, KILLS, "kills"),
        none_of("acknowledged predictions missing", len(predictions - kept.ids), len(predictions), "predictions"),
        none_of("acknowledged labels missing", len(labels - kept_labels.ids), len(labels), "labels"),
        at_most("most torn lines in one file", max(kept.torn_lines + kept_labels.torn_lines), 1),
        Figure(
            "what the drift job reads of them",
            f"{window.requests:,} predictions, {window.torn_lines} torn lines skipped and counted",
            f"{len(kept.ids):,}, {kept.torn}",
            window.requests == len(kept.ids) and window.torn_lines + window.unreadable_lines == kept.torn,
        ),
        note("in the log, but the client was killed off", f"{len(kept.ids - predictions):,} predictions"),
    ]
