"""Replays the table's next window against a model served by a real process, and sends its labels as feedback.

The drift job does this while there is no production: only the clients are simulated; requests, answers and labels go
through the real service. What is sent has the source's own values (requests.parquet), as in the load test. A label
carries the row's own time, so that days are the table's days.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa

from contracts.data_manifest import DataManifest
from contracts.dates.inputs import Input
from contracts.exits import FindingError, UsageError
from contracts.features import MISSING, Feature, as_json
from contracts.model_folder import ModelCard
from contracts.request_log import MOST_SKEW_SECONDS

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 30.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 60.0
LABELS_AT_ONCE = 1000
NOT_FOR_THE_SERVICE = frozenset({"API_KEYS_FILE", "SHADOW_MODEL_DIR", "REQUESTS_KEY", "REQUESTS_URL"})


class ReplayError(FindingError):
    """The service refused a valid request, or ended by itself; the text says which and names its log."""


class Window(NamedTuple):
    """The rows of the table's next window: as training has them, with target and time, and as clients have them."""

    table: pd.DataFrame
    sent: pa.Table


@dataclass(frozen=True)
class Replayed:
    """Rows sent and labels accepted; `left_out`: rows that the service's schema refuses."""

    predictions: int
    labels: int
    left_out: int


def replay(model: Path, card: ModelCard, manifest: DataManifest, window: Window, folder: Path) -> Replayed:
    """Send every row of the window to `model`; the service logs into `folder`.

    Raises UsageError if the window does not fit the model, ReplayError if the service fails.
    """
    table, sent = window
    inputs = [one.name for one in card.inputs]
    for kind, names, columns in (
        ("replay table", [one.name for one in card.features], list(table)),
        ("table of requests", inputs, sent.column_names),
    ):
        if absent := [name for name in names if name not in columns]:
            raise UsageError(f"The {kind} has no column {', '.join(absent)}, which the champion reads.")
    if sent.num_rows != len(table):
        raise UsageError(f"{sent.num_rows:,} requests for {len(table):,} rows of the replay. Run `make data` again.")
    is_sendable = _sendable(table, card.features).to_numpy()
    sendable, rows = table[is_sendable], sent.select(inputs).filter(pa.array(is_sendable))
    if sendable.empty:
        raise UsageError("The replay table has no row that can be sent: each lacks a value that must be there.")
    moments = _moments(sendable, manifest.time)
    labels = 0
    with _running_service(model, folder) as address:
        connection = http.client.HTTPConnection(address, timeout=ANSWER_SECONDS)
        for begin in range(0, len(sendable), card.max_batch_rows):
            batch = slice(begin, begin + card.max_batch_rows)
            ids = _predict(connection, rows.slice(begin, card.max_batch_rows), card.inputs)
            truth = [_label(value, card) for value in sendable[manifest.target].iloc[batch]]
            labels += _send_labels(connection, ids, truth, moments[batch])
        connection.close()
    return Replayed(len(sendable), labels, len(table) - len(sendable))


def _predict(connection: http.client.HTTPConnection, rows: pa.Table, inputs: Sequence[Input]) -> list[str]:
    """The ids of the predictions for these rows."""
    columns = [[as_json(value, one.kind) for value in rows[one.name].to_pylist()] for one in inputs]
    names = [one.name for one in inputs]
    sent = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [one["id"] for one in _post(connection, "/predict/batch", {"rows": sent})["predictions"]]


def _send_labels(
    connection: http.client.HTTPConnection, ids: list[str], truth: list[str | float], moments: list[int | None]
) -> int:
    """How many labels the service recorded."""
    labels = [
        {"id": one, "actual": actual} | ({} if moment is None else {"observed_us": moment})
        for one, actual, moment in zip(ids, truth, moments, strict=True)
    ]
    parts = [labels[start : start + LABELS_AT_ONCE] for start in range(0, len(labels), LABELS_AT_ONCE)]
    return sum(int(_post(connection, "/feedback", {"labels": part})["recorded"]) for part in parts)


def _sendable(table: pd.DataFrame, features: Sequence[Feature]) -> "pd.Series[bool]":
    """Which rows the service accepts: a feature may be missing only if it was in training."""
    sendable = pd.Series(True, index=table.index)
    for feature in features:
        if not feature.may_be_missing:
            column = table[feature.name]
            sendable &= column != MISSING if feature.kind == "categorical" else column.notna()
    return sendable


def _moments(table: pd.DataFrame, time_column: str) -> list[int | None]:
    """Microseconds since 1970 of each row; None where the table has no time."""
    if not time_column:
        return [None] * len(table)
    return [int(one) for one in table[time_column].to_numpy(dtype="datetime64[us]").astype(np.int64)]


def _label(value: Any, card: ModelCard) -> str | float:
    return float(value) if card.task == "regression" else str(value)


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise ReplayError(f"POST {path} of {len(next(iter(body.values()))):,} rows was answered {answer.status}.")
    parsed: dict[str, Any] = json.loads(content)
    return parsed


@contextmanager
def _running_service(model: Path, folder: Path) -> Iterator[str]:
    """Host and port of a service that serves `model`; it is always stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "service.log"
    settings = {"MODEL_DIR": str(model.resolve()), "REQUEST_LOG_DIR": str(folder.resolve()), "HOST": "127.0.0.1"}
    settings |= {"PORT": "0", "DRAIN_SECONDS": "0", "PYTHONPATH": str(ROOT)}
    # The table's rows are of another time than this replay.
    settings |= {"LABEL_CLOCK_SKEW_SECONDS": str(MOST_SKEW_SECONDS)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"], env={**_environment(), **settings}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield _address(process, log)
        if process.poll() is not None:
            raise ReplayError(f"The service ended by itself, with exit code {process.returncode}. See {log}.")
    finally:
        _stop(process)


def _environment() -> dict[str, str]:
    """This process's environment without the service's own settings, such as API keys."""
    return {name: value for name, value in os.environ.items() if name not in NOT_FOR_THE_SERVICE}


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Host and port, once the service listens; it listens only after its golden rows have passed."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if '"listening"' in line and line.endswith("}"):
                return urlsplit(str(json.loads(line)["url"])).netloc
        time.sleep(POLL_SECONDS)
    raise ReplayError(f"The champion was not served within {READY_SECONDS:g} s. See {log}.")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
