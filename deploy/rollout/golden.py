"""Sends the golden rows to the port of a replica, which tests the whole service, not only the graph."""

import http.client
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.exits import FindingError
from contracts.model_folder import Golden, ModelCard
from deploy.host.machine import PORT

# Answers have nine significant digits; the model's own tolerance is added.
WIRE_TOLERANCE = 1e-8


class WrongAnswerError(FindingError):
    """The replica is ready, but its answer differs from the model's output."""


def ask(
    exchange: Callable[[str, int, bytes], bytes], service: str, card: ModelCard, golden: Golden, model: str, key: str
) -> int:
    """Send every golden row to one replica and return their number. Raises WrongAnswerError and EngineError.

    `exchange`: connects to a port of the replica, sends, and returns what came back.

    A row has the same Idempotency-Key at every replica and in every try, so readers of the request log count it once.
    """
    requests = [_request(row.inputs, f"golden-{model[-12:]}-{number}", key) for number, row in enumerate(golden.rows)]
    requests[-1] = requests[-1].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    answers = read_answers(exchange(service, PORT, b"".join(requests)), len(requests))
    for number, (row, (status, body)) in enumerate(zip(golden.rows, answers, strict=True)):
        if problem := difference(card, row.output, golden.tolerance, model, status, body):
            raise WrongAnswerError(f"{service}: golden row {number}: {problem}")
    return len(requests)


def read_answers(raw: bytes, count: int) -> list[tuple[int, bytes]]:
    """Status and body of each answer on one connection. Raises WrongAnswerError if one is missing."""
    stream = io.BytesIO(raw)
    answers = []
    for number in range(count):
        try:
            status = int(stream.readline().split()[1])
            length = int(http.client.parse_headers(stream)["Content-Length"])
        except (IndexError, ValueError, TypeError, http.client.HTTPException):
            raise WrongAnswerError(f"golden row {number} has no answer.") from None
        answers.append((status, stream.read(length)))
    return answers


def difference(card: ModelCard, output: Sequence[float], tolerance: float, model: str, status: int, body: bytes) -> str:
    """What is wrong with an answer; empty if it is right. `output`: the model's output for that row."""
    if status != 200:
        return f"answered {status}: {body[:200].decode(errors='replace')}"
    try:
        said: dict[str, Any] = json.loads(body)
        seen, required = _seen(card, said), _required(card, output)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"the answer cannot be read ({error!r})."
    if said.get("model") != model:
        return f"answered by model {said.get('model')}, required {model}."
    for name, value in required.items():
        if not math.isclose(seen[name], value, rel_tol=WIRE_TOLERANCE, abs_tol=tolerance * max(1.0, abs(value))):
            return f"{name} is {seen[name]!r}, required {value!r}."
    if card.task == "binary" and said["prediction"] not in _labels(card, required["probability"], tolerance):
        return f"the prediction is {said['prediction']!r} at {required['probability']!r}, threshold {card.threshold!r}."
    return ""


def _request(row: Mapping[str, Any], name: str, key: str) -> bytes:
    body = json.dumps(row).encode()
    head = [
        "POST /predict HTTP/1.1", "Host: deploy", "Content-Type: application/json", f"Content-Length: {len(body)}",
        f"Idempotency-Key: {name}",
    ]  # fmt: skip
    if key:
        head.append(f"Authorization: Bearer {key}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _seen(card: ModelCard, said: Mapping[str, Any]) -> dict[str, float]:
    if card.task == "binary":
        return {"probability": float(said["probability"])}
    if card.task == "multiclass":
        return {name: float(value) for name, value in said["probabilities"].items()}
    return {"prediction": float(said["prediction"])}


def _required(card: ModelCard, output: Sequence[float]) -> dict[str, float]:
    if card.task == "binary":
        return {"probability": output[card.classes.index(card.positive)]}
    if card.task == "multiclass":
        return dict(zip(card.classes, output, strict=True))
    return {"prediction": output[0]}


def _labels(card: ModelCard, probability: float, tolerance: float) -> set[str]:
    """The right labels: both, if the probability is within `tolerance` of the threshold."""
    threshold = 0.5 if card.threshold is None else card.threshold
    negative = next(one for one in card.classes if one != card.positive)
    return {card.positive if probability + slack >= threshold else negative for slack in (-tolerance, tolerance)}
