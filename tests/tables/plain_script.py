"""What a plain scikit-learn script gets on the same split: what most people write first.

It reads the rows of build/data/, and shares no code with the pipeline: missing numbers become the median, numbers are
scaled, categories become columns, and of a linear model and boosted trees the one that is better in cross-validation on
the train rows is fitted on all of them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SCORERS = {
    "roc_auc": ("roc_auc", 1),
    "log_loss": ("neg_log_loss", -1),
    "mae": ("neg_mean_absolute_error", -1),
    "rmse": ("neg_root_mean_squared_error", -1),
}


def plain_metric(data: Path, metric: str) -> float:
    """The metric on the holdout. `data`: build/data/."""
    about: dict[str, Any] = json.loads((data / "data.json").read_text(encoding="utf-8"))
    train, holdout = (pd.read_parquet(data / f"{name}.parquet") for name in ("train", "holdout"))
    features = [one["name"] for one in about["features"]]
    texts = [one["name"] for one in about["features"] if one["kind"] == "categorical"]
    truth, judged = (_answers(table, about) for table in (train, holdout))
    name, sign = SCORERS[metric]
    prepared = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts),
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            [one for one in features if one not in texts],
        ),
        sparse_threshold=0,
    )
    models = [make_pipeline(prepared, one) for one in _estimators(about["task"])]
    groups = train["cluster"] if about["cluster"] and not about["time"] else None
    folds = _folds(about)
    scores = [
        cross_val_score(one, train[features], truth, groups=groups, scoring=name, cv=folds).mean() for one in models
    ]
    best = models[int(np.argmax(scores))].fit(train[features], truth)
    return float(sign * get_scorer(name)(best, holdout[features], judged))


def _estimators(task: str) -> tuple[Any, Any]:
    if task == "regression":
        return Ridge(), HistGradientBoostingRegressor(random_state=0)
    return LogisticRegression(max_iter=2000), HistGradientBoostingClassifier(random_state=0)


def _folds(about: dict[str, Any]) -> Any:
    if about["time"]:
        return TimeSeriesSplit(4)
    if about["cluster"]:
        return GroupKFold(4)
    return (KFold if about["task"] == "regression" else StratifiedKFold)(4, shuffle=True, random_state=0)


def _answers(table: pd.DataFrame, about: dict[str, Any]) -> Any:
    answers = table[about["target"]]
    return (answers == about["positive"]).astype(int) if about["task"] == "binary" else answers
