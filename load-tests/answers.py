"""Whether an answer of the service is right: its status, and also the model, the prediction and its probability."""

import json
from collections.abc import Mapping

from plan import Request

# The service scores one row at a time, the stage all rows at once: float32 sums may differ in the last bits.
TOLERANCE = 1e-5
NOT_JSON, NO_PREDICTION, OTHER_MODEL = "answer is not JSON", "answer has no prediction", "answer of another model"
PREDICTION, PROBABILITY, PROBABILITIES = "wrong prediction", "wrong probability", "wrong probabilities"
# Wrong answers with status 200, which are worse than failures because no client notices them.
WRONG = frozenset({NOT_JSON, NO_PREDICTION, OTHER_MODEL, PREDICTION, PROBABILITY, PROBABILITIES})


def fault(status: int, content: bytes, request: Request, model: str) -> str:
    """What is wrong with an answer, the same text for the same fault; empty if it is right."""
    if status != 200:
        return f"status {status}"
    try:
        answer = json.loads(content)
    except ValueError:
        return NOT_JSON
    if not isinstance(answer, dict) or "prediction" not in answer:
        return NO_PREDICTION
    if answer.get("model") != model:
        return OTHER_MODEL
    return wrong_prediction(answer, request)


def wrong_prediction(answer: Mapping[str, object], request: Request) -> str:
    """What is wrong with the prediction of a row; empty if it is right."""
    if request.value is not None:
        return "" if _close(answer["prediction"], request.value) else PREDICTION
    if answer["prediction"] not in request.labels:
        return PREDICTION
    if request.probability is not None and not _close(answer.get("probability"), request.probability):
        return PROBABILITY
    if request.probabilities is not None and not _all_close(answer.get("probabilities"), request.probabilities):
        return PROBABILITIES
    return ""


def _all_close(seen: object, required: Mapping[str, float]) -> bool:
    return isinstance(seen, dict) and all(_close(seen.get(name), one) for name, one in required.items())


def _close(seen: object, required: float) -> bool:
    return isinstance(seen, int | float) and abs(seen - required) <= TOLERANCE * max(1.0, abs(required))
