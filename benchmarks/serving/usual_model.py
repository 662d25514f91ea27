"""The challenger's estimator for the usual endpoint: a scikit-learn pipeline on a DataFrame, in a joblib file.

Refitted on the challenger's train rows with the challenger's settings; only the order of the columns differs.
"""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from pydantic import BaseModel
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from contracts.features import Feature
from contracts.model_folder import ModelCard
from contracts.stage import Build
from training.fitting.candidates import find_candidates
from training.fitting.search import one_thread
from training.tables import load_table

MODEL_FILE = "model.joblib"
COLUMNS_FILE = "columns.json"


class Usual(BaseModel):
    """The endpoint's metadata of its model."""

    features: tuple[Feature, ...]
    classes: tuple[str, ...]


def write_usual_model(build: Build, card: ModelCard, seed: int, folder: Path) -> Any:
    """Fit, and write both files. Returns the pipeline."""
    strings = [one for one in card.features if one.kind == "categorical"]
    numbers = [one for one in card.features if one.kind != "categorical"]
    codes = OrdinalEncoder(
        categories=[np.array(one.categories, dtype=object) for one in strings],
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        dtype=np.float32,
    )
    names = [one.name for one in strings]
    prepare = ColumnTransformer([("codes", codes, names)], remainder="passthrough", verbose_feature_names_out=False)
    (candidate,) = find_candidates([card.estimator], [*strings, *numbers], card.task, seed, 1)
    pipeline = make_pipeline(prepare, candidate.make(card.parameters))
    table = load_table(build, "train")
    frame: pd.DataFrame = table.frame[[one.name for one in card.features]]
    with one_thread():
        pipeline.fit(frame, table.truth)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(pipeline, folder / MODEL_FILE)
    usual = Usual(features=card.features, classes=card.classes)
    (folder / COLUMNS_FILE).write_text(usual.model_dump_json(), encoding="utf-8")
    return pipeline
