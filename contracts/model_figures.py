"""`build/evaluate/model_figures.json`: feature importance and confusion matrix of the challenger, for the report."""

from typing import Literal

from contracts.decision import Interval
from contracts.features import Feature
from contracts.schema import Schema


class FeatureImportance(Schema):
    """How much worse `metric` becomes when one column is shuffled. Over 0 the model needs the column."""

    feature: str
    loss: Interval


class ClassFigures(Schema):
    """One class of the holdout. `decided`: rows predicted as it; precision and F1 are 0 where there are none."""

    name: str
    rows: int
    decided: int
    precision: float
    recall: float
    f1: float


class ModelFigures(Schema):
    """model_figures.json. Same inputs, same bytes.

    `importances`: the largest loss first, on `importance_rows` rows of the holdout, evenly spread. Empty where `metric`
    is undefined on these. `classes` and `confusion` are empty for a regression. `confusion`: rows by true class, and
    within it by predicted class, both in the order of `classes`. `parameters`: those that the search set; others have
    the library's defaults.
    """

    format_version: Literal[1] = 1
    model: str
    metric: str
    features: tuple[Feature, ...]
    estimator: str
    parameters: dict[str, float | int | str | bool | None]
    threshold: float | None = None
    importance_rows: int
    importances: tuple[FeatureImportance, ...]
    classes: tuple[ClassFigures, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
