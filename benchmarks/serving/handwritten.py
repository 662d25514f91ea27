"""The usual hand-written endpoint: FastAPI, pydantic, and a scikit-learn pipeline from joblib on a DataFrame.

Carefully written: the model is loaded once, the types are declared, a batch is one call of the model. The handler is a
plain `def`, as FastAPI recommends for blocking work. No request log, no metrics, no ids.

    HANDWRITTEN_MODEL=folder uvicorn benchmarks.serving.handwritten:app
"""

import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

from benchmarks.serving.usual_model import COLUMNS_FILE, MODEL_FILE, Usual

FOLDER = Path(os.environ["HANDWRITTEN_MODEL"])
TYPES: dict[str, Any] = {"numeric": float, "boolean": bool, "categorical": str}

usual = Usual.model_validate_json((FOLDER / COLUMNS_FILE).read_bytes())
model = joblib.load(FOLDER / MODEL_FILE)
members: dict[str, Any] = {
    one.name: (TYPES[one.kind] | None, None) if one.may_be_missing else (TYPES[one.kind], ...) for one in usual.features
}
Row: Any = create_model("Row", **members)


class Rows(BaseModel):
    """A batch."""

    rows: list[Row]


class Prediction(BaseModel):
    """A class and its probabilities, or a value."""

    prediction: str | float
    probabilities: list[float]


class Predictions(BaseModel):
    """The predictions of a batch."""

    predictions: list[Prediction]


app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> Prediction:
    """Predict one row."""
    return predicted([row])[0]


@app.post("/predict/batch")
def predict_batch(batch: Rows) -> Predictions:
    """Predict many rows."""
    return Predictions(predictions=predicted(batch.rows))


@app.get("/readyz")
def ready() -> dict[str, str]:
    """The model is loaded."""
    return {"status": "ready"}


def predicted(rows: list[Any]) -> list[Prediction]:
    """One call of the model on one DataFrame."""
    frame = pd.DataFrame([row.model_dump() for row in rows], columns=[one.name for one in usual.features])
    if not usual.classes:
        return [Prediction(prediction=value, probabilities=[]) for value in model.predict(frame).tolist()]
    scores = model.predict_proba(frame)
    winners = scores.argmax(axis=1).tolist()
    return [
        Prediction(prediction=usual.classes[winner], probabilities=one)
        for winner, one in zip(winners, scores.tolist(), strict=True)
    ]
