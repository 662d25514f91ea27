"""Exercise 1: make this a prediction service. It answers, but it looks at nothing and knows nothing.

MODEL_DIR=build/train/model uvicorn --app-dir exercises/01-api app:app
"""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

MODEL_DIR = Path(os.environ.get("MODEL_DIR", "build/train/model"))
# The model card: features in the model's order, each with its kind and categories; classes, positive, threshold.
CARD = json.loads((MODEL_DIR / "model.json").read_text(encoding="utf-8"))

app = FastAPI(title=CARD["name"])


@app.post("/predict")
def predict(row: dict[str, Any]) -> dict[str, Any]:
    """One row in, one prediction out: {"prediction": a class, "probability": of the positive class}."""
    return {"prediction": "", "probability": -1.0 * len(row)}
