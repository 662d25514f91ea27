"""The candidates: the model behind each name in training.candidates, and the settings that the search may try.

    logistic                binary, multiclass  logistic regression; tries its penalty C
    ridge                   regression          ridge regression; tries its penalty alpha
    hist_gradient_boosting  every task          boosted trees; tries learning rate, trees, leaves, rows a leaf, penalty
    random_forest           every task          trees of bounded size, so that the graph stays small; tries leaves,
                                                features a split, rows a leaf
    lightgbm                every task          LightGBM; tries learning rate, trees, leaves, rows a leaf, penalty
    xgboost                 every task          XGBoost; tries learning rate, trees, depth, weight a leaf, penalty
    catboost                every task          CatBoost; tries learning rate, trees, depth, penalty
    module:function         every task          the estimator that your function(features, task, seed) returns: one
                                                setting, or those of training.spaces as named arguments

All are fitted on the float32 matrix of `contracts/features.py`: one column a feature, categories as codes, NaN where
missing, and class positions as labels. Linear models fill in the median or the most frequent value, scale, and one-hot
encode codes. Trees read codes and NaN as they are. Do not set `n_jobs` in your own function: the search already uses
every core, and the order in which threads add up a forest's votes changes the last bit.
"""

import difflib
import importlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.pipeline_toml.keys import Space
from contracts.schema import Task
from training.fitting.boosters.estimators import make_catboost, make_lightgbm, make_xgboost
from training.refusals import other_signature

SIGNATURE = "def {name}({arguments}): an unfitted estimator (docs/own-table.md)"
Setting = Mapping[str, float | int | str | bool | None]
Make = Callable[[Sequence[Feature], Task, int, Setting], Any]

CLASSES: tuple[Task, ...] = ("binary", "multiclass")
EVERY_TASK: tuple[Task, ...] = (*CLASSES, "regression")
MOST_SETTINGS = 10_000


class CandidateError(UsageError):
    """training.candidates names a model that cannot be used; the text says what can."""


@dataclass(frozen=True)
class Candidate:
    """One kind of model. `make(setting)` returns a new, unfitted estimator. The first of `settings` is the default."""

    name: str
    make: Callable[[Setting], Any]
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of candidate: its tasks, and for each parameter the values to try, the default first."""

    tasks: tuple[Task, ...]
    make: Make
    space: Space = field(default_factory=dict)


def find_candidates(
    names: Sequence[str],
    features: Sequence[Feature],
    task: Task,
    seed: int,
    trials: int,
    spaces: Mapping[str, Space] | None = None,
) -> list[Candidate]:
    """The candidates in the order given, each with at most `trials` settings. Raises CandidateError.

    `spaces`: by module:function and by parameter, the values to try, the default first.
    """
    found = []
    _refuse_spaces_of_others(names, spaces or {})
    for name in names:
        kind = _custom(name, (spaces or {}).get(name, {})) if ":" in name else _built_in(name, task)
        candidate = Candidate(name, partial(kind.make, features, task, seed), _settings(kind.space, trials, seed))
        found.append(candidate)
        _require_estimator(name, task, candidate.make(candidate.settings[0]))
    return found


def _refuse_spaces_of_others(names: Sequence[str], spaces: Mapping[str, Space]) -> None:
    for name, space in spaces.items():
        if name not in names or ":" not in name:
            own = ", ".join(one for one in names if ":" in one) or "none"
            raise CandidateError(
                f"training.spaces names {name!r}; required: a module:function of training.candidates, which has {own}. "
                "The built-in candidates bring their own settings.",
                code="space-of-no-candidate",
            )
        if (settings := math.prod(len(values) for values in space.values())) > MOST_SETTINGS:
            raise CandidateError(
                f"training.spaces of {name!r} has {settings:,} settings; required: at most {MOST_SETTINGS:,}. "
                "Take fewer values: only training.trials settings are tried.",
                code="space-too-large",
            )


def _built_in(name: str, task: Task) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        match = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.5)
        hint = f"Did you mean {match[0]}?" if match else f"Use {', '.join(KINDS)}, or module:function."
        raise CandidateError(f"training.candidates: {name!r} is unknown. {hint}", code="unknown-candidate")
    if task not in kind.tasks:
        other = "ridge" if task == "regression" else "logistic"
        raise CandidateError(
            f"training.candidates: {name} is for {' and '.join(kind.tasks)}, and data.task is {task}. Use {other}.",
            code="candidate-for-another-task",
        )
    return kind


def _custom(name: str, space: Space) -> Kind:
    function_name = name.partition(":")[2]
    function = _imported(name, space)
    _require_signature(name, function, space)

    def make(features: Sequence[Feature], task: Task, seed: int, setting: Setting) -> Any:
        try:
            return function(features, task, seed, **setting)
        except Exception as error:
            of = f" of {dict(setting)}" if setting else ""
            raise CandidateError(
                f"training.candidates: {name} raised {type(error).__name__}{of}: {error}. "
                f"Required: {_signature(function_name, space)}.",
                code="candidate-raised",
            ) from error

    return Kind(EVERY_TASK, make, space)


def _imported(name: str, space: Space) -> Callable[..., Any]:
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing a module runs it, so it may raise anything
        raise CandidateError(
            f"training.candidates: {name!r} cannot be imported ({type(error).__name__}: {error}). "
            "Required: a module that `python -c 'import …'` finds from the checkout's root.",
            code="candidate-not-importable",
        ) from None
    function: Callable[..., Any] | None = getattr(module, function_name, None)
    if not callable(function):
        raise CandidateError(
            f"training.candidates: {name!r}: {module_name} has no function {function_name!r}. "
            f"Required: {_signature(function_name, space)}.",
            code="no-such-function",
        )
    return function


def _signature(function_name: str, space: Space) -> str:
    return SIGNATURE.format(name=function_name, arguments=", ".join(("features", "task", "seed", *space)))


def _require_signature(name: str, function: Callable[..., Any], space: Space) -> None:
    if takes := other_signature(function, (), "binary", 0, **dict.fromkeys(space)):
        raise CandidateError(
            f"training.candidates: {name} takes {takes}. Required: {_signature(name.partition(':')[2], space)}.",
            code="candidate-signature",
        )


def _require_estimator(name: str, task: Task, made: Any) -> None:
    required = ("fit", "predict") if task == "regression" else ("fit", "predict", "predict_proba")
    absent = [method for method in required if not callable(getattr(made, method, None))]
    if isinstance(made, type) or absent:
        raise CandidateError(
            f"training.candidates: {name} returns {made!r}, which is no estimator for a {task} task; "
            f"required: an instance with {', '.join(required)}.",
            code="no-estimator",
        )


def _settings(space: Mapping[str, tuple[Any, ...]], trials: int, seed: int) -> tuple[Setting, ...]:
    """The default, then others drawn without repetition. More trials add settings and keep the ones before."""
    every = [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    drawn = 1 + np.random.default_rng(seed).permutation(len(every) - 1)
    return tuple(every[place] for place in [0, *drawn[: trials - 1]])


def _linear(features: Sequence[Feature], estimator: Any) -> Any:
    """The estimator after imputation, scaling and one-hot encoding, by kind of column."""
    columns: dict[str, list[int]] = {"numeric": [], "boolean": [], "categorical": []}
    for position, feature in enumerate(features):
        columns[feature.kind].append(position)
    codes = [np.arange(len(features[position].categories), dtype=np.float32) for position in columns["categorical"]]
    # A column may have no values in one fold. It is kept, so that columns have the same positions in every fold.
    steps = {
        "numeric": make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
        "boolean": SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        "categorical": OneHotEncoder(categories=codes, handle_unknown="ignore", dtype=np.float32),
    }
    prepare = ColumnTransformer([(kind, step, columns[kind]) for kind, step in steps.items() if columns[kind]])
    return make_pipeline(prepare, estimator)


def _logistic(features: Sequence[Feature], _task: Task, seed: int, setting: Setting) -> Any:
    return _linear(features, LogisticRegression(max_iter=1000, random_state=seed, **setting))


def _ridge(features: Sequence[Feature], _task: Task, seed: int, setting: Setting) -> Any:
    return _linear(features, Ridge(random_state=seed, **setting))


def _boosting(_features: Sequence[Feature], task: Task, seed: int, setting: Setting) -> Any:
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return kind(early_stopping=False, random_state=seed, **setting)


def _forest(_features: Sequence[Feature], task: Task, seed: int, setting: Setting) -> Any:
    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(random_state=seed, **setting)


KINDS: Mapping[str, Kind] = {
    "logistic": Kind(CLASSES, _logistic, {"C": (1.0, 0.1, 0.01, 0.001)}),
    "ridge": Kind(("regression",), _ridge, {"alpha": (1.0, 0.1, 10.0, 100.0)}),
    "hist_gradient_boosting": Kind(
        EVERY_TASK,
        _boosting,
        {
            "learning_rate": (0.1, 0.05),
            "max_iter": (100, 200),
            "max_leaf_nodes": (31, 15, 7),
            "min_samples_leaf": (20, 100),
            "l2_regularization": (0.0, 10.0),
        },
    ),
    "random_forest": Kind(
        EVERY_TASK,
        _forest,
        {
            "n_estimators": (100,),
            "max_leaf_nodes": (512, 1024),
            "max_features": ("sqrt", 0.5),
            "min_samples_leaf": (5, 1, 20),
        },
    ),
    "lightgbm": Kind(
        EVERY_TASK,
        make_lightgbm,
        {
            "learning_rate": (0.1, 0.05),
            "n_estimators": (100, 200),
            "num_leaves": (31, 15, 7),
            "min_child_samples": (20, 100),
            "reg_lambda": (0.0, 10.0),
        },
    ),
    "xgboost": Kind(
        EVERY_TASK,
        make_xgboost,
        {
            "learning_rate": (0.1, 0.05),
            "n_estimators": (100, 200),
            "max_depth": (6, 4, 3),
            "min_child_weight": (1, 20),
            "reg_lambda": (1.0, 10.0),
        },
    ),
    "catboost": Kind(
        EVERY_TASK,
        make_catboost,
        {
            "learning_rate": (0.1, 0.05),
            "iterations": (200, 400),
            "depth": (6, 4),
            "l2_leaf_reg": (3.0, 30.0),
        },
    ),
}
