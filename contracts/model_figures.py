"""`build/evaluate/model_figures.json`: what the challenger does on the holdout, for whoever reads the report."""

from typing import Literal

from contracts.decision import Interval
from contracts.features import Feature
from contracts.schema import Schema


class FeatureImportance(Schema):
    """How much worse `metric` becomes where one column's values are dealt to other rows: over 0 the model needs it."""

    feature: str
    loss: Interval


class ClassFigures(Schema):
    """One class of the holdout. Precision and F1 are 0 where no row was called by its name."""

    name: str
    rows: int
    decided: int
    precision: float
    recall: float
    f1: float


class ModelFigures(Schema):
    """model_figures.json. Same inputs, same bytes.

    `importances`: the largest loss first; of `importance_rows` rows of the holdout, evenly spread. Empty where `metric`
    means nothing on these. `classes` and `confusion` are empty for a regression. `confusion`: rows of the holdout by
    their own class, and within it by the class that was decided, both in the order of `classes`.
    `parameters`: those that the search set; all others are the library's own.
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
