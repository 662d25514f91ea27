"""How each column is compared: a reading, a method and a threshold, all from pipeline.toml and none from a library."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.config import Drift, Task
from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN

Reading = Literal["number", "boolean", "category", "missing"]
CATEGORICAL_METHODS = ("jensenshannon", "psi")


@dataclass(frozen=True)
class ColumnRule:
    """How one column is compared. `source` is the feature that it is made from, or `prediction`."""

    column: str
    source: str
    reading: Reading
    method: str
    threshold: float


def check_columns(drift: Drift, features: Sequence[Feature]) -> None:
    """Raises UsageError where [drift.columns] names no feature, or a method that cannot compare its kind."""
    kinds = {feature.name: feature.kind for feature in features}
    for name, own in drift.columns.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its features are {', '.join(kinds)}."
            raise UsageError(f"drift.columns.{name}: the model has no such feature. {hint}")
        if kinds[name] != "numeric" and own.method not in CATEGORICAL_METHODS:
            raise UsageError(
                f"drift.columns.{name}.method is {own.method}, which compares numbers; {name} is {kinds[name]}. "
                f"Required: {' or '.join(CATEGORICAL_METHODS)}."
            )


def value_rules(drift: Drift, features: Iterable[Feature]) -> tuple[ColumnRule, ...]:
    """One rule a feature, for its values."""
    return tuple(_value_rule(drift, feature) for feature in features)


def _value_rule(drift: Drift, feature: Feature) -> ColumnRule:
    method: str = drift.numeric_method if feature.kind == "numeric" else drift.categorical_method
    threshold = drift.numeric_threshold if feature.kind == "numeric" else drift.categorical_threshold
    if own := drift.columns.get(feature.name):
        method, threshold = own.method, own.threshold
    readings: dict[str, Reading] = {"numeric": "number", "boolean": "boolean", "categorical": "category"}
    return ColumnRule(feature.name, feature.name, readings[feature.kind], method, threshold)


def missing_rules(drift: Drift, names: Iterable[str]) -> tuple[ColumnRule, ...]:
    """One more rule for each of these numeric features: a distance of numbers does not see which are missing."""
    return tuple(
        ColumnRule(f"{name} is missing", name, "missing", drift.categorical_method, drift.categorical_threshold)
        for name in names
    )


def prediction_rule(drift: Drift, task: Task) -> ColumnRule:
    """The positive class's probability, the value, or the class."""
    is_class = task == "multiclass"
    method = drift.categorical_method if is_class else drift.numeric_method
    reading: Reading = "category" if is_class else "number"
    return ColumnRule(PREDICTION_COLUMN, PREDICTION_COLUMN, reading, method, drift.prediction_threshold)
