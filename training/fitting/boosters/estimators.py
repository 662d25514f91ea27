"""The three libraries' estimators as candidates, with one thread, a fixed seed and no output to disk or terminal."""

import importlib
from collections.abc import Sequence
from typing import Any

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.schema import Task


class NotInstalledError(UsageError):
    """training.candidates names a library that is not installed."""


def make_lightgbm(_features: Sequence[Feature], task: Task, seed: int, setting: Any) -> Any:
    """A new LGBMClassifier or LGBMRegressor. Raises NotInstalledError."""
    library = _library("lightgbm")
    kind = library.LGBMRegressor if task == "regression" else library.LGBMClassifier
    return kind(random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1, **setting)


def make_xgboost(_features: Sequence[Feature], task: Task, seed: int, setting: Any) -> Any:
    """A new XGBClassifier or XGBRegressor. Raises NotInstalledError."""
    library = _library("xgboost")
    kind = library.XGBRegressor if task == "regression" else library.XGBClassifier
    return kind(random_state=seed, n_jobs=1, tree_method="hist", **setting)


def make_catboost(_features: Sequence[Feature], task: Task, seed: int, setting: Any) -> Any:
    """A new CatBoostClassifier or CatBoostRegressor. Raises NotInstalledError."""
    library = _library("catboost")
    kind = library.CatBoostRegressor if task == "regression" else library.CatBoostClassifier
    return kind(random_seed=seed, thread_count=1, allow_writing_files=False, logging_level="Silent", **setting)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalledError(
            f"training.candidates: {name!r} is not installed ({error}). `make setup` installs what pipeline.toml "
            f"names; elsewhere: pip install --require-hashes -r requirements/{name}.txt",
            code="booster-not-installed",
        ) from None
