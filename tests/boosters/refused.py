"""Candidates of one's own that cannot become ONNX."""

import importlib
from typing import Any

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def lightgbm(_features: Any, _task: Any, seed: int) -> Any:
    """Linear models in the leaves."""
    library = importlib.import_module("lightgbm")
    return library.LGBMClassifier(linear_tree=True, n_jobs=1, verbose=-1, random_state=seed)


def xgboost(_features: Any, _task: Any, seed: int) -> Any:
    """No trees at all."""
    return importlib.import_module("xgboost").XGBClassifier(booster="gblinear", n_jobs=1, random_state=seed)


def catboost(_features: Any, _task: Any, seed: int) -> Any:
    """Trees on numbers that a scaler computed."""
    kind = importlib.import_module("catboost").CatBoostClassifier
    booster = kind(iterations=5, logging_level="Silent", allow_writing_files=False, random_seed=seed)
    return make_pipeline(StandardScaler(), booster)
