"""Rows of the replay table as HTTP requests: one row, a batch as JSON, a batch as an Arrow stream."""

import io
import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from contracts.features import MISSING, Feature, Value
from contracts.model_folder import ModelCard
from contracts.stage import Build
from training.tables import load_table

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
BATCH_ROWS = 1000
BATCHES = 8
ARROW_TYPES = {"numeric": pa.float32(), "boolean": pa.bool_(), "categorical": pa.string()}

Row = dict[str, Value]


def replayed_rows(build: Build, card: ModelCard) -> list[Row]:
    """Rows that the service accepts, spread evenly over the replay table."""
    frame = load_table(build, "replay", columns=[one.name for one in card.features]).frame
    for one in card.features:
        if not one.may_be_missing:
            frame = frame[frame[one.name].notna() & (frame[one.name] != MISSING)]
    taken = frame.iloc[:: max(1, len(frame) // (BATCH_ROWS * BATCHES))].head(BATCH_ROWS * BATCHES)
    values = {one.name: [_value(value, one) for value in taken[one.name]] for one in card.features}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _value(value: Any, feature: Feature) -> Value:
    if feature.kind == "categorical":
        return None if value == MISSING else str(value)
    if math.isnan(value):
        return None
    # The shortest text that gives the same float32: 55.04 as a client writes it, not 55.040000915527344.
    return bool(value) if feature.kind == "boolean" else float(str(value))


def frame_of(rows: Sequence[Row]) -> pd.DataFrame:
    """The DataFrame that the usual endpoint makes."""
    return pd.DataFrame(list(rows))


def single(rows: Sequence[Row]) -> list[bytes]:
    """A request for each row."""
    return [_request("/predict", JSON, json.dumps(row).encode()) for row in rows]


def json_batches(rows: Sequence[Row], size: int = BATCH_ROWS) -> list[bytes]:
    """A request for each `size` rows."""
    return [_request("/predict/batch", JSON, json.dumps({"rows": batch}).encode()) for batch in _cut(rows, size)]


def arrow_batches(rows: Sequence[Row], features: Sequence[Feature]) -> list[bytes]:
    """The same batches as Arrow streams, with answers in Arrow."""
    schema = pa.schema([(one.name, ARROW_TYPES[one.kind]) for one in features])
    requests = []
    for batch in _cut(rows):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        requests.append(_request("/predict/batch", ARROW, sink.getvalue()))
    return requests


def _cut(rows: Sequence[Row], size: int = BATCH_ROWS) -> list[list[Row]]:
    return [list(rows[at : at + size]) for at in range(0, len(rows), size)]


def _request(path: str, content_type: str, body: bytes) -> bytes:
    headers = {"host": "127.0.0.1", "content-type": content_type, "content-length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "\r\n"]
    return "\r\n".join(lines).encode() + body
