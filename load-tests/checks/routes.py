"""Checks every route that predicts, after the load: single rows, batches as JSON and Arrow, the Open Inference Protocol
as JSON and with binary tensors, and feedback.

It sends some rows of the load, the first one twice; rows with every category that training knew, and with every other
spelling of one (in all columns at once); one row with every optional value missing; one with unknown categories; and
one with an offset in each date that may have one.
Each route must answer each row as the model does, in order, under an id of its own. `sent` is compared with the log
(checks/log.py); drift leaves these rows out.
"""

import contextlib
import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pyarrow as pa
from answers import NO_PREDICTION, OTHER_MODEL, wrong_prediction
from plan import Request
from traffic import answered

from contracts.dates.inputs import Input, other_writings
from contracts.features import MISSING, Value, other_spellings
from scoring.scorer import Scorer

ANSWER_SECONDS = 10.0
ROWS_OF_THE_LOAD = 64
UNKNOWN_CATEGORY = "(no model knows this)"
LABELS = 20
ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
Row = Mapping[str, Value]
ARROW_TYPES = {
    **{"numeric": pa.float64(), "boolean": pa.bool_(), "categorical": pa.string()},
    **{"date": pa.string(), "epoch": pa.float64()},
}
DATATYPES = {"numeric": "FP64", "boolean": "BOOL", "categorical": "BYTES", "date": "BYTES", "epoch": "FP64"}


class StatusError(Exception):
    """An answer whose status is not that of success."""


@dataclass
class Asked:
    """`sent`: each answered id and its row. `faults`: how often each was seen."""

    sent: list[tuple[str, Row]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    rows: int = 0


def ask_routes(url: str, scorer: Scorer, load: Sequence[Request]) -> Asked:
    """Send each row to each route. Never raises: an error is a fault under the route's name."""
    rows = probing_rows(scorer, [json.loads(one.body) for one in load[:: max(1, len(load) // ROWS_OF_THE_LOAD)]])
    outputs = scorer.predict(scorer.encoded(rows)).astype(np.float64)
    expected = [answered("", output, scorer.card) for output in outputs]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
    asked, labelled = Asked(), []
    for route, size, ask in _routes(scorer):
        for begin in range(0, len(rows), size):
            part = [*zip(rows, expected, strict=True)][begin : begin + size]
            given = [row for row, _ in part]
            asked.rows += len(given)
            try:
                answers = list(ask(connection, given))
            except Exception as error:  # a broken service may make the client raise anything
                asked.faults[f"{route}: {_said(error)}"] += len(given)
                connection.close()
                continue
            asked.faults.update(f"{route}: {one}" for one in _faults(answers, part, scorer.digest))
            asked.sent += [(str(one.get("id")), row) for one, row in zip(answers, given, strict=False)]
        labelled.append(asked.sent[-1][0] if asked.sent else "")
    with contextlib.suppress(IndexError):
        asked.faults.update(_feedback(connection, labelled, scorer))
    connection.close()
    return asked


def probing_rows(scorer: Scorer, load: Sequence[Row]) -> list[Row]:
    """Rows that together have every category, and every optional value missing."""
    features = scorer.card.features
    known = {one.name: [name for name in one.categories if name != MISSING] for one in features if one.categories}
    most = max(map(len, known.values()), default=0)
    every = [
        dict(load[place % len(load)]) | {name: of[place % len(of)] for name, of in known.items() if of}
        for place in range(most)
    ]
    spelt = [dict(load[0]) | {one.name: text} for one in features for text in other_spellings(one)]
    spelt += [dict(load[0]) | dict(other_writings(one)) for one in scorer.card.dates]
    gaps = dict(load[0]) | {one.name: None for one in scorer.card.inputs if one.may_be_missing}
    strange = dict(load[0]) | dict.fromkeys(known, UNKNOWN_CATEGORY)
    return [load[0], *load, *every, *spelt, gaps, strange]


def _faults(answers: Sequence[Mapping[str, Any]], part: Sequence[tuple[Row, Request]], model: str) -> Iterator[str]:
    if len(answers) != len(part):
        yield f"{len(answers)} answers to {len(part)} rows"
    for answer, (_, required) in zip(answers, part, strict=False):
        if "prediction" not in answer:
            yield NO_PREDICTION
        elif not model.startswith(answer.get("model", "")) or not answer.get("model"):
            yield OTHER_MODEL
        elif fault := wrong_prediction(answer, required):
            yield fault


Ask = Callable[[http.client.HTTPConnection, Sequence[Row]], Iterable[Mapping[str, Any]]]


def _routes(scorer: Scorer) -> Iterator[tuple[str, int, Ask]]:
    """Each route's name, its rows per request, and the function that sends them."""
    card, most = scorer.card, scorer.card.max_batch_rows
    path = f"/v2/models/{quote(card.name, safe='')}/infer"

    def one(connection: http.client.HTTPConnection, rows: Sequence[Row]) -> Iterable[Mapping[str, Any]]:
        return [json.loads(_post(connection, "/predict", json.dumps(rows[0]).encode()))]

    def batch(connection: http.client.HTTPConnection, rows: Sequence[Row]) -> Iterable[Mapping[str, Any]]:
        answer = json.loads(_post(connection, "/predict/batch", json.dumps({"rows": list(rows)}).encode()))
        return [row | {"model": answer["model"]} for row in answer["predictions"]]

    def arrow(connection: http.client.HTTPConnection, rows: Sequence[Row]) -> Iterable[Mapping[str, Any]]:
        stream = _arrow(rows, card.inputs)
        read = pa.ipc.open_stream(_post(connection, "/predict/batch", stream, {"Content-Type": ARROW, "Accept": ARROW}))
        model = read.schema.metadata[b"model"].decode()
        return [row | {"model": model} for row in read.read_all().to_pylist()]

    def tensors(connection: http.client.HTTPConnection, rows: Sequence[Row]) -> Iterable[Mapping[str, Any]]:
        inputs = [_tensor(one, [row[one.name] for row in rows]) for one in card.inputs]
        body = json.dumps({"inputs": [one for one in inputs if any(value is not None for value in one["data"])]})
        return _from_tensors(json.loads(_post(connection, path, body.encode())), scorer)

    def binary(connection: http.client.HTTPConnection, rows: Sequence[Row]) -> Iterable[Mapping[str, Any]]:
        head, content = _binary(card.inputs, rows)
        sizes = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        return _from_tensors(json.loads(_post(connection, path, head + content, sizes)), scorer)

    yield "/predict", 1, one
    yield "/predict/batch", most, batch
    yield "/predict/batch in Arrow", most, arrow
    yield "/v2", most, tensors
    yield "/v2 in binary", most, binary


def _post(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str] | None = None
) -> bytes:
    connection.request("POST", path, body, {"Content-Type": JSON, **(headers or {})})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise StatusError(f"status {answer.status}")
    return content


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, StatusError) else f"no whole answer ({type(error).__name__})"


def _arrow(rows: Sequence[Row], inputs: Sequence[Input]) -> bytes:
    table = pa.table({one.name: pa.array([row[one.name] for row in rows], ARROW_TYPES[one.kind]) for one in inputs})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def _tensor(one: Input, values: Sequence[Value]) -> dict[str, Any]:
    return {"name": one.name, "shape": [len(values)], "datatype": DATATYPES[one.kind], "data": list(values)}


def _binary(inputs_of_model: Sequence[Input], rows: Sequence[Row]) -> tuple[bytes, bytes]:
    """The JSON part and the binary tensors; booleans, and texts with missing values, stay in JSON."""
    inputs, parts = [], []
    for one in inputs_of_model:
        values = [row[one.name] for row in rows]
        tensor = _tensor(one, values)
        if one.kind in ("numeric", "epoch"):
            parts.append(np.array([np.nan if value is None else value for value in values], dtype="<f8").tobytes())
        elif one.kind in ("categorical", "date") and None not in values:
            texts = [str(value).encode() for value in values]
            parts.append(b"".join(len(text).to_bytes(4, "little") + text for text in texts))
        else:
            inputs.append(tensor)
            continue
        del tensor["data"]
        inputs.append(tensor | {"parameters": {"binary_data_size": len(parts[-1])}})
    return json.dumps({"inputs": inputs}).encode(), b"".join(parts)


def _from_tensors(answer: Mapping[str, Any], scorer: Scorer) -> list[dict[str, Any]]:
    """The answer in the form of /predict/batch."""
    of = {one["name"]: one["data"] for one in answer["outputs"]}
    rows: list[dict[str, Any]] = [
        {"id": identity, "prediction": prediction, "model": f"sha256:{answer['model_version']}"}
        for identity, prediction in zip(of["id"], of["prediction"], strict=True)
    ]
    card, width = scorer.card, len(scorer.card.classes)
    for place, row in enumerate(rows if width else ()):
        probabilities = dict(zip(card.classes, of["probabilities"][place * width : (place + 1) * width], strict=True))
        row |= {"probability": probabilities.get(card.positive), "probabilities": probabilities}
    return rows


def _feedback(connection: http.client.HTTPConnection, ids: Sequence[str], scorer: Scorer) -> Iterator[str]:
    """Send a label for one id of each route: it must be recorded, then repeated, and for an unknown id unknown."""
    actual = scorer.card.classes[0] if scorer.card.classes else 1.0
    body = {"labels": [{"id": one, "actual": actual} for one in ids]}
    nobody = {"labels": [{"id": "01900000-0000-7000-8000-000000000000", "actual": actual}]}
    for sent, required in ((body, "recorded"), (body, "repeated"), (nobody, "unknown")):
        try:
            outcomes = json.loads(_post(connection, "/feedback", json.dumps(sent).encode()))["outcomes"]
        except Exception as error:  # as above
            yield f"/feedback: {_said(error)}"
            continue
        yield from (f"/feedback: {one} in place of {required}" for one in outcomes if one != required)
