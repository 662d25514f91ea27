"""A prediction service that is counted: requests by route and status, seconds, and what it predicted.

MODEL_DIR=build/train/model uvicorn --app-dir exercises/solutions/03-monitoring app:app
"""

import json
import math
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from pydantic import BaseModel, ConfigDict, Field, create_model

MODEL_DIR = Path(os.environ.get("MODEL_DIR", "build/train/model"))
CARD = json.loads((MODEL_DIR / "model.json").read_text(encoding="utf-8"))
FEATURES: list[dict[str, Any]] = CARD["features"]
POSITIVE = CARD["classes"].index(CARD["positive"])
THRESHOLD = 0.5 if CARD["threshold"] is None else CARD["threshold"]
MISSING, UNKNOWN = "(missing)", -1.0
TYPES: dict[str, Any] = {"numeric": float, "boolean": bool, "categorical": str}

# Loaded once, when the process starts: not in every request.
session = onnxruntime.InferenceSession((MODEL_DIR / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])


def field(feature: dict[str, Any]) -> Any:
    """A member of the row. It may be null where training saw it missing, and only there."""
    kind = TYPES[feature["kind"]]
    return (kind | None if feature["missing_share"] > 0 else kind, Field())


example = {one["name"]: one["example"] for one in FEATURES}
members: dict[str, Any] = {one["name"]: field(one) for one in FEATURES}
strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
Row: Any = create_model("Row", __config__=strict, **members)


class Prediction(BaseModel):
    """The class that the threshold decides, and the positive class's probability."""

    prediction: str
    probability: float


def encoded(row: dict[str, Any]) -> list[float]:
    """Numbers in the model's order; a category is its position in the card's list."""
    values = []
    for feature in FEATURES:
        value = row[feature["name"]]
        if feature["kind"] == "categorical":
            name, known = MISSING if value is None else value, feature["categories"]
            values.append(float(known.index(name)) if name in known else UNKNOWN)
        else:
            values.append(math.nan if value is None else float(value))
    return values


# An answer takes less than a millisecond: the library's own buckets begin at five.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
REGISTRY = CollectorRegistry()
REQUESTS = Counter("api_requests", "answers by route and status", ["route", "status"], registry=REGISTRY)
SECONDS = Histogram("api_request_seconds", "time to answer", ["route"], registry=REGISTRY, buckets=BUCKETS)
PREDICTIONS = Counter("api_predictions", "predictions by class", ["prediction"], registry=REGISTRY)
# Every class from the start: a series that appears with its first event hides that event from a rate.
for name in CARD["classes"]:
    PREDICTIONS.labels(name)

app = FastAPI(title=CARD["name"])


@app.middleware("http")
async def count(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """By the route's template: a raw path would let anybody make series without end."""
    began = time.perf_counter()
    response = await answer(request)
    route = getattr(request.scope.get("route"), "path", "unmatched")
    REQUESTS.labels(route, str(response.status_code)).inc()
    SECONDS.labels(route).observe(time.perf_counter() - began)
    return response


@app.exception_handler(RequestValidationError)
async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    """Where and why, without the input: FastAPI's own handler repeats it, and fails on NaN."""
    reasons = [{"where": list(one["loc"]), "why": one["msg"]} for one in error.errors()]
    return JSONResponse({"detail": reasons}, 422)


@app.get("/readyz")
def ready() -> dict[str, str]:
    """The model is loaded."""
    return {"status": "ready"}


@app.get("/metrics")
def metrics() -> Response:
    """What Prometheus reads."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


@app.post("/predict")
def predict(row: Annotated[Row, Body(examples=[example])]) -> Prediction:
    """Predict one row."""
    matrix = np.array([encoded(row.model_dump())], dtype=np.float32)
    probability = float(session.run(None, {"X": matrix})[0][0][POSITIVE])
    label = CARD["classes"][POSITIVE if probability >= THRESHOLD else 1 - POSITIVE]
    PREDICTIONS.labels(label).inc()
    return Prediction(prediction=label, probability=probability)
