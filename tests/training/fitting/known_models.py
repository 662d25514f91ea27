"""The models that docs/models.md speaks of, each exact or refused, and what to use instead."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from contracts.schema import Task

Make = Callable[[], Any]
COLUMNS = 6
NAN_COLUMNS = [0, 1, 2, 3]
BINARY: Sequence[Task] = ("binary",)
CLASSES: Sequence[Task] = ("binary", "multiclass")
NUMBER: Sequence[Task] = ("regression",)


@dataclass(frozen=True)
class Known:
    """One kind of model. `instead`: empty where its export is exact, else what the page advises."""

    name: str
    make: Make
    tasks: Sequence[Task]
    instead: str = ""


def toy(task: Task, rows: int = 900) -> tuple[npt.NDArray[np.float32], Any]:
    """float32 [rows, COLUMNS], four of them with gaps and two of codes, and a target [rows]; values are above zero."""
    random = np.random.default_rng(0)
    matrix = np.abs(random.normal(size=(rows, COLUMNS))).astype(np.float32)
    score = matrix[:, 0] - matrix[:, 1] ** 2 + random.normal(size=rows)
    matrix[:, NAN_COLUMNS] = np.where(random.random((rows, 4)) < 0.05, np.float32(np.nan), matrix[:, NAN_COLUMNS])
    matrix[:, 4], matrix[:, 5] = random.integers(0, 5, rows), random.integers(0, 3, rows)
    if task == "regression":
        return matrix, np.exp(score / 2)
    return matrix, np.digitize(score, [0.0] if task == "binary" else [-1.0, 1.0])


def known_models() -> list[Known]:
    """Those of scikit-learn."""
    return [*_classifiers(), *_regressors(), *_refused()]


def known_boosters() -> list[Known]:
    """Those of LightGBM, XGBoost and CatBoost, made only where the library is installed."""
    silent: dict[str, dict[str, Any]] = {
        "lightgbm": {"verbose": -1, "n_jobs": 1, "n_estimators": 40},
        "xgboost": {"n_jobs": 1, "n_estimators": 40},
        "catboost": {"logging_level": "Silent", "allow_writing_files": False, "thread_count": 1, "iterations": 40},
    }

    def made(library: str, kind: str, **settings: Any) -> Make:
        return lambda: getattr(importlib.import_module(library), kind)(**silent[library], **settings)

    codes = "codes as plain numbers, as the encoder gives them"
    return [
        Known("LGBMClassifier", made("lightgbm", "LGBMClassifier"), CLASSES),
        Known("LGBMClassifier, dart", made("lightgbm", "LGBMClassifier", boosting_type="dart"), CLASSES),
        Known("LGBMRegressor", made("lightgbm", "LGBMRegressor"), NUMBER),
        Known("LGBMRegressor, poisson", made("lightgbm", "LGBMRegressor", objective="poisson"), NUMBER),
        Known("LGBMRegressor, quantile", made("lightgbm", "LGBMRegressor", objective="quantile", alpha=0.9), NUMBER),
        Known(
            "LGBMClassifier, random forest",
            made("lightgbm", "LGBMClassifier", boosting_type="rf", bagging_freq=1, bagging_fraction=0.5),
            BINARY,
            "gbdt, dart or goss; scikit-learn's random forest",
        ),
        Known(
            "LGBMRegressor, linear trees", made("lightgbm", "LGBMRegressor", linear_tree=True), NUMBER, "plain leaves"
        ),
        Known("XGBClassifier", made("xgboost", "XGBClassifier"), CLASSES),
        Known("XGBClassifier, dart", made("xgboost", "XGBClassifier", booster="dart", rate_drop=0.3), CLASSES),
        Known("XGBRFClassifier", made("xgboost", "XGBRFClassifier"), BINARY),
        Known("XGBRegressor", made("xgboost", "XGBRegressor"), NUMBER),
        Known("XGBRegressor, gamma", made("xgboost", "XGBRegressor", objective="reg:gamma"), NUMBER),
        Known(
            "XGBRegressor, quantile",
            made("xgboost", "XGBRegressor", objective="reg:quantileerror", quantile_alpha=0.9),
            NUMBER,
        ),
        Known("XGBRegressor, linear", made("xgboost", "XGBRegressor", booster="gblinear"), NUMBER, "ridge"),
        Known("CatBoostClassifier", made("catboost", "CatBoostClassifier"), CLASSES),
        Known(
            "CatBoostClassifier, lossguide", made("catboost", "CatBoostClassifier", grow_policy="Lossguide"), CLASSES
        ),
        Known("CatBoostClassifier, nan_mode Max", made("catboost", "CatBoostClassifier", nan_mode="Max"), CLASSES),
        Known("CatBoostRegressor", made("catboost", "CatBoostRegressor"), NUMBER),
        Known("CatBoostRegressor, Poisson", made("catboost", "CatBoostRegressor", loss_function="Poisson"), NUMBER),
        Known(
            "CatBoostRegressor, quantile",
            made("catboost", "CatBoostRegressor", loss_function="Quantile:alpha=0.9"),
            NUMBER,
        ),
        Known(
            "XGBClassifier with categories",
            made("xgboost", "XGBClassifier", enable_categorical=True, feature_types=["q"] * 5 + ["c"]),
            BINARY,
            codes,
        ),
    ]


def _classifiers() -> list[Known]:
    trees = partial(HistGradientBoostingClassifier, max_iter=20, random_state=0)
    linear = partial(LogisticRegression, max_iter=1000)
    pair = [("trees", trees()), ("linear", make_pipeline(SimpleImputer(), linear()))]
    steps: dict[str, Any] = {
        "logistic regression": [StandardScaler()],
        "FunctionTransformer of a numpy function": [FunctionTransformer(np.arcsinh), StandardScaler()],
        "PolynomialFeatures before a linear model": [PolynomialFeatures(2), StandardScaler()],
        "PowerTransformer before a linear model": [PowerTransformer()],
        "QuantileTransformer before a linear model": [QuantileTransformer(n_quantiles=100)],
        "PCA before a linear model": [PCA(2, random_state=0)],
    }
    return [
        Known("histogram gradient boosting", trees, CLASSES),
        Known("random forest", partial(RandomForestClassifier, 30, max_leaf_nodes=64, random_state=0), CLASSES),
        Known("decision tree", partial(DecisionTreeClassifier, max_depth=6, random_state=0), CLASSES),
        Known(
            "bagging of trees",
            partial(BaggingClassifier, DecisionTreeClassifier(max_depth=4), random_state=0),
            CLASSES,
        ),
        *(Known(name, partial(_pipeline, *before, linear()), CLASSES) for name, before in steps.items()),
        Known("linear discriminant analysis", partial(_pipeline, LinearDiscriminantAnalysis()), ("multiclass",)),
        Known("Gaussian naive Bayes", partial(_pipeline, GaussianNB()), CLASSES),
        Known(
            "neural network",
            partial(_pipeline, StandardScaler(), MLPClassifier((8,), max_iter=40, random_state=0)),
            CLASSES,
        ),
        Known("calibration by a sigmoid", partial(CalibratedClassifierCV, trees(), cv=2), CLASSES),
        Known("stacking by its defaults", partial(StackingClassifier, pair, cv=3), CLASSES),
        Known(
            "voting of probabilities",
            partial(VotingClassifier, pair, voting="soft", flatten_transform=False),
            CLASSES,
        ),
    ]


def _regressors() -> list[Known]:
    boosting = partial(HistGradientBoostingRegressor, max_iter=20, random_state=0)
    of_logs = {"func": np.log1p, "inverse_func": np.expm1}
    pair = [("trees", boosting()), ("linear", make_pipeline(SimpleImputer(), Ridge()))]
    return [
        *(
            Known(f"histogram gradient boosting, {loss}", partial(boosting, loss=loss), NUMBER)
            for loss in ("squared_error", "absolute_error", "poisson", "gamma")
        ),
        Known("histogram gradient boosting, quantile", partial(boosting, loss="quantile", quantile=0.9), NUMBER),
        Known(
            "gradient boosting, quantile",
            partial(_pipeline, GradientBoostingRegressor(loss="quantile", n_estimators=20, random_state=0)),
            NUMBER,
        ),
        Known("random forest", partial(RandomForestRegressor, 30, max_leaf_nodes=64, random_state=0), NUMBER),
        *(
            Known(name, partial(_pipeline, StandardScaler(), model), NUMBER)
            for name, model in {
                "ridge": Ridge(),
                "elastic net": ElasticNet(),
                "Poisson regression": PoissonRegressor(),
                "gamma regression": GammaRegressor(),
                "quantile regression": QuantileRegressor(quantile=0.9, alpha=0.01),
            }.items()
        ),
        Known(
            "TransformedTargetRegressor of numpy functions",
            partial(TransformedTargetRegressor, boosting(), **of_logs),
            NUMBER,
        ),
        Known("stacking by its defaults", partial(StackingRegressor, pair, cv=3), NUMBER),
    ]


def _refused() -> list[Known]:
    trees = partial(HistGradientBoostingClassifier, max_iter=5, random_state=0)
    linear = LogisticRegression(max_iter=1000)
    return [
        Known(
            "FunctionTransformer of your own function",
            partial(_pipeline, FunctionTransformer(np.nan_to_num), linear),
            BINARY,
            "a function of numpy by its name, or a column that the table has",
        ),
        Known(
            "SplineTransformer", partial(_pipeline, SplineTransformer(), linear), BINARY, "trees; PolynomialFeatures"
        ),
        Known(
            "KBinsDiscretizer",
            partial(_pipeline, KBinsDiscretizer(4, encode="onehot-dense"), linear),
            BINARY,
            "trees; a category made in the table",
        ),
        Known("scaler before trees", partial(make_pipeline, StandardScaler(), trees()), BINARY, "trees by themselves"),
        Known("PCA before trees", partial(_pipeline, PCA(2), trees()), BINARY, "trees by themselves; PCA and linear"),
        Known(
            "calibration by isotonic steps",
            partial(CalibratedClassifierCV, trees(), method="isotonic", cv=2),
            BINARY,
            "method='sigmoid'",
        ),
        Known("linear discriminant analysis", partial(_pipeline, LinearDiscriminantAnalysis()), BINARY, "logistic"),
        Known("AdaBoost", partial(_pipeline, AdaBoostClassifier(n_estimators=5)), BINARY, "gradient boosting"),
    ]


def _pipeline(*steps: Any) -> Any:
    return make_pipeline(SimpleImputer(), *steps)
