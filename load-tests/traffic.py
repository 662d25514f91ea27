"""Rows of the replay table as requests, and what the model itself says to each of them.

Sent is what the source has (requests.parquet); required is what the model says to the row as training has it
(replay.parquet). So a skew between the two, in the data stage or in the service, gives wrong answers here.

The rows are spread evenly over the whole window, in its order: one drawn at random from each of as many equal slices of
the table as requests are needed. So the request log that drift reads is a sample of the window, not of its first hours.
A table with fewer rows than requests is gone through several times.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from answers import TOLERANCE
from plan import Request

from contracts.data_manifest import REQUESTS_FILE
from contracts.exits import UsageError
from contracts.features import MISSING, Feature, as_json
from contracts.model_folder import ModelCard
from scoring.scorer import Scorer

Column = npt.NDArray[Any]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Traffic:
    """Requests in the table's order. `left_out`: rows that the service's schema refuses to take."""

    requests: tuple[Request, ...]
    left_out: int


def replayed(table: Path, scorer: Scorer, wanted: int, seed: int) -> Traffic:
    """`wanted` requests from a Parquet table, with REQUESTS_FILE beside it. Raises UsageError where it has no usable
    row or lacks a feature."""
    card = scorer.card
    columns = _read_columns(table, scorer.encoder.names)
    sendable = np.flatnonzero(_sendable(columns, card.features))
    if not len(sendable):
        raise UsageError(
            f"{table} has no row that can be sent: each lacks a value that training never saw missing.", code="no-rows"
        )
    positions = sendable[thinned(len(sendable), wanted, seed)]
    taken = {name: column[positions] for name, column in columns.items()}
    outputs = scorer.predict(scorer.encoder.columns(taken)).astype(np.float64)
    sent = _read_sent(table.with_name(REQUESTS_FILE), [one.name for one in card.inputs], positions)
    requests = (
        answered(
            json.dumps({one.name: as_json(sent[one.name][place], one.kind) for one in card.inputs}), output, card
        ).model_copy(update={"row": row})
        for place, (row, output) in enumerate(zip(positions.tolist(), outputs, strict=True))
    )
    return Traffic(tuple(requests), len(columns[scorer.encoder.names[0]]) - len(sendable))


def thinned(rows: int, wanted: int, seed: int) -> Positions:
    """`wanted` row numbers, spread evenly over all and ascending; where there are too few, whole passes come first."""
    passes, rest = divmod(wanted, rows)
    edges = np.arange(rest + 1) * rows // max(rest, 1)
    drawn = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return np.concatenate([*[np.arange(rows)] * passes, drawn])


def answered(body: str, output: npt.NDArray[np.float64], card: ModelCard) -> Request:
    """A request with what the model's output for it, probabilities or one value, must become in the answer."""
    if card.task == "regression":
        return Request(body=body, value=output[0])
    if card.task == "multiclass":
        near_best = np.flatnonzero(output >= output.max() - TOLERANCE)
        probabilities = dict(zip(card.classes, output.tolist(), strict=True))
        return Request(body=body, labels=tuple(card.classes[one] for one in near_best), probabilities=probabilities)
    positive = card.classes.index(card.positive)
    above = output[positive] - (0.5 if card.threshold is None else card.threshold)
    labels = [card.positive] if above >= -TOLERANCE else []
    if above < TOLERANCE:
        labels.append(card.classes[1 - positive])
    return Request(body=body, labels=tuple(labels), probability=output[positive])


def _read_sent(file: Path, names: Sequence[str], positions: Positions) -> dict[str, Column]:
    """What clients have of these rows, by name [positions]; missing is None or NaN."""
    read = _read(file, names)
    if len(positions) and positions.max() >= read.num_rows:
        raise UsageError(f"{file} has only {read.num_rows:,} rows. Run `make data` again.", code="other-rows")
    taken = read.take(pa.array(positions))
    columns = ((name, taken[name]) for name in names)
    return {
        name: column.to_numpy() if pa.types.is_floating(column.type) else np.array(column.to_pylist(), dtype=object)
        for name, column in columns
    }


def _read_columns(table: Path, names: Sequence[str]) -> dict[str, Column]:
    read = _read(table, names)
    return {name: read[name].to_numpy() for name in names}


def _read(table: Path, names: Sequence[str]) -> Any:
    if not table.exists():
        raise UsageError(f"{table} is not there. Run `make data` first.", code="not-there")
    absent = sorted(set(names) - set(pyarrow.parquet.read_schema(table).names))
    if absent:
        raise UsageError(
            f"{table} has no column {', '.join(absent)}, which the model reads. Run `make train` again.",
            code="no-column",
        )
    return pyarrow.parquet.read_table(table, columns=list(names))


def _sendable(columns: Mapping[str, Column], features: Sequence[Feature]) -> npt.NDArray[np.bool_]:
    """[rows]: whether a request may have these values. Training fixes which features may be missing."""
    sendable = np.ones(len(columns[features[0].name]), dtype=np.bool_)
    for feature in features:
        if not feature.may_be_missing:
            column = columns[feature.name]
            sendable &= column != MISSING if feature.kind == "categorical" else ~np.isnan(column)
    return sendable
