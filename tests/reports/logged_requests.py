"""A model folder and request logs for the drift tests: small, seeded, and written as training and the service do."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.data_manifest import DataManifest, Table
from contracts.features import MISSING, Feature
from contracts.model_folder import MODEL_FILES, PREDICTION_COLUMN, ModelCard, model_digest, sha256_of
from contracts.request_log import PredictionRecord
from contracts.schema import Task, write_json
from contracts.stage import Build
from testbed.cards import card as made_card

FEATURES = (
    Feature(name="temp", kind="numeric"),
    Feature(name="wind", kind="numeric", missing_share=0.1),
    Feature(name="holiday", kind="boolean"),
    Feature(name="carrier", kind="categorical", categories=("AA", "DL", "UA")),
)
CLASSES = {"binary": ("false", "true"), "multiclass": ("early", "late", "on time"), "regression": ()}
NOON_US = 1_380_628_800_000_000  # 2013-10-01 12:00:00 UTC


def rows(count: int, seed: int, task: Task = "binary") -> pd.DataFrame:
    """Features and `prediction` as reference.parquet has them, always of the same distribution."""
    random = np.random.default_rng(seed)
    score = random.beta(2, 8, count)
    classes = np.array(CLASSES["multiclass"])
    wind = random.normal(10, 3, count)
    wind[random.random(count) < 0.1] = np.nan
    table = pd.DataFrame(
        {
            "temp": random.normal(60, 15, count).astype(np.float32),
            "wind": wind.astype(np.float32),
            "holiday": (random.random(count) < 0.2).astype(np.float32),
            "carrier": random.choice(["AA", "DL", "UA"], count, p=[0.5, 0.3, 0.2]),
        }
    )
    table[PREDICTION_COLUMN] = classes[(score * 9).astype(int) % 3] if task == "multiclass" else score
    return table


def write_model(build: Build, task: Task = "binary", logged: tuple[str, ...] | None = None) -> str:
    """The challenger's folder, whose graph nobody runs here, and data.json beside it. Returns the model's digest."""
    folder = build.challenger
    folder.mkdir(parents=True, exist_ok=True)
    rows(2000, 1, task).to_parquet(folder / "reference.parquet", index=False)
    (folder / "model.onnx").write_bytes(b"")
    (folder / "golden.json").write_bytes(b"")
    write_json(
        folder / "model.json", card(task, {name: sha256_of(folder / name) for name in MODEL_FILES}, logged=logged)
    )
    write_json(build.stage("data") / "data.json", _manifest(task))
    return model_digest(folder)


def card(
    task: Task,
    files: dict[str, str] | None = None,
    features: tuple[Feature, ...] = FEATURES,
    logged: tuple[str, ...] | None = None,
) -> ModelCard:
    return made_card(
        features,
        task,
        name="flights",
        target="late",
        classes=CLASSES[task],
        threshold=None,
        estimator="logistic",
        train_rows=2000,
        logged_features=tuple(feature.name for feature in features) if logged is None else logged,
        files=files or {},
    )


def _manifest(task: Task) -> DataManifest:
    return DataManifest(
        source="training.flights:load",
        source_sha256="0" * 64,
        task=task,
        target="late",
        features=FEATURES,
        tables={"replay": Table(rows=900, digest="sha256:1", first="2013-10-01 05:15:00", last="2013-10-30 23:59:00")},
        digest="sha256:" + "d" * 64,
    )


def records(table: pd.DataFrame, model: str, task: Task = "binary", prefix: str = "r") -> list[PredictionRecord]:
    """One record a row, as the service writes them, a millisecond apart."""
    return [record(f"{prefix}{place}", row, model, task, place) for place, row in enumerate(table.to_dict("records"))]


def record(
    name: str, row: dict[Any, Any], model: str, task: Task = "binary", milliseconds: int = 0
) -> PredictionRecord:
    prediction = row[PREDICTION_COLUMN]
    return PredictionRecord(
        id=name,
        at_us=NOON_US + 1000 * milliseconds,
        model=model,
        features={key: _logged(key, value) for key, value in row.items() if key != PREDICTION_COLUMN},
        prediction=str(prediction > 0.25).lower() if task == "binary" else prediction,
        probabilities=(1 - prediction, prediction) if task == "binary" else None,
    )


def _logged(name: str, value: Any) -> float | bool | str | None:
    if value == MISSING or value != value:
        return None
    return bool(value) if name == "holiday" else value


def write_log(folder: Path, lines: Iterable[PredictionRecord | str], process: int = 1, end: str = "\n") -> None:
    """One process's file. Text is written as it stands; `end` closes the last line, or does not."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else line.model_dump_json() for line in lines]
    (folder / f"predictions-1-{process}.jsonl").write_text("\n".join(texts) + end, encoding="utf-8")


def write_config(path: Path, drift: str = "", task: Task = "binary") -> Path:
    """A pipeline.toml, with these lines under [drift]."""
    metric = "rmse" if task == "regression" else "roc_auc"
    text = f"""
        [project]
        name = "flights"
        [data]
        source = "flights.csv"
        target = "late"
        task = {json.dumps(task)}
        [training]
        candidates = ["ridge"]
        metric = "{metric}"
        [gate]
        metric = "{metric}"
        margin = 0.01
        [drift]
        min_rows = 500
        min_labels = 300
        """
    overridden = {line.split("=")[0].strip() for line in drift.splitlines() if not line.startswith("[")}
    kept = [line.strip() for line in text.splitlines() if line.split("=")[0].strip() not in overridden]
    path.write_text("\n".join([*kept, drift]), encoding="utf-8")
    return path
