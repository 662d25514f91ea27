"""A prediction service in some 80 lines: the schema from the model card, ONNX Runtime, one answer for every mistake.

MODEL_DIR=build/train/model uvicorn --app-dir exercises/solutions/01-api app:app
"""

import json
import math
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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


app = FastAPI(title=CARD["name"])


@app.exception_handler(RequestValidationError)
async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    """Where and why, without the input: FastAPI's own handler repeats it, and fails on NaN."""
    reasons = [{"where": list(one["loc"]), "why": one["msg"]} for one in error.errors()]
    return JSONResponse({"detail": reasons}, 422)


@app.get("/readyz")
def ready() -> dict[str, str]:
    """The model is loaded."""
    return {"status": "ready"}


@app.post("/predict")
def predict(row: Annotated[Row, Body(examples=[example])]) -> Prediction:
    """Predict one row."""
    matrix = np.array([encoded(row.model_dump())], dtype=np.float32)
    probability = float(session.run(None, {"X": matrix})[0][0][POSITIVE])
    positive = probability >= THRESHOLD
    return Prediction(prediction=CARD["classes"][POSITIVE if positive else 1 - POSITIVE], probability=probability)
