"""What is compared of a table, for the drift verdict and for the historic distances that travel with a model.

Each feature gives up to three statistics, because a mistake may show in one alone:

    temp                    its values
    temp, given the others  what a linear fit from the other numbers leaves over: a season moves temperature and dew
                            point together and stays out of it, °C in place of °F does not
    temp is missing         which rows lack it

beside the predictions and, where labels came in, the target. Tables are arrays by name, as float with NaN where
missing, or text.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN
from contracts.pipeline_toml.keys import Drift, Task
from scoring.distances import FloatArray, Method

Kind = Literal["value", "residual", "missing", "prediction", "label"]
Columns = Mapping[str, npt.NDArray[Any]]
CATEGORICAL_METHODS = ("jensenshannon", "psi")
# Keeps the fit finite where two columns say the same, and a residual from being all rounding.
RIDGE = 0.01


@dataclass(frozen=True)
class DriftStatistic:
    """One column of what is compared. `effect`: the least distance that matters. `source`: the column it is made of."""

    column: str
    source: str
    kind: Kind
    method: Method
    effect: float


@dataclass(frozen=True)
class LinearFit:
    """Each number given the others, fitted on the reference. `precision`: the inverse of their correlations."""

    names: tuple[str, ...]
    means: FloatArray
    scales: FloatArray
    precision: FloatArray

    def residuals(self, table: Columns) -> dict[str, FloatArray]:
        """For each name [rows]: in standard deviations of the column, NaN where the column itself is missing."""
        known = np.stack([table[name].astype(np.float64) for name in self.names], axis=1)
        standard = (known - self.means) / self.scales
        filled = np.where(np.isnan(standard), 0, standard)
        left = np.einsum("nk,jk->nj", filled, self.precision) / np.diag(self.precision)
        left[np.isnan(standard)] = np.nan
        return {name: left[:, place] for place, name in enumerate(self.names)}


def check_columns(drift: Drift, features: Sequence[Feature]) -> None:
    """Raises UsageError where [drift.columns] names no feature, or a method that cannot compare its kind."""
    kinds = {feature.name: feature.kind for feature in features}
    for name, own in drift.columns.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its features are {', '.join(kinds)}."
            raise UsageError(f"drift.columns.{name}: the model has no such feature. {hint}", code="unknown-column")
        if kinds[name] == "categorical" and own.method not in CATEGORICAL_METHODS:
            raise UsageError(
                f"drift.columns.{name}.method is {own.method}, which compares numbers; {name} is {kinds[name]}. "
                f"Required: {' or '.join(CATEGORICAL_METHODS)}.",
                code="method-for-numbers",
            )


def fit_numbers(table: Columns, features: Sequence[Feature]) -> LinearFit | None:
    """The fit on a reference. None where fewer than two numeric columns vary: there is nothing to be given."""
    names = tuple(one.name for one in features if one.kind != "categorical" and _varies(table[one.name]))
    if len(names) < 2:
        return None
    known = np.stack([table[name].astype(np.float64) for name in names], axis=1)
    means, scales = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    filled = np.nan_to_num((known - means) / scales)
    # Not a matrix product: BLAS adds in an order that depends on the number of cores.
    correlations = np.einsum("nj,nk->jk", filled, filled) / len(filled)
    return LinearFit(names, means, scales, np.linalg.inv(correlations + RIDGE * np.eye(len(names))))


def _varies(values: npt.NDArray[Any]) -> bool:
    known = values[~np.isnan(values.astype(np.float64))]
    return len(known) > 1 and bool(known.min() < known.max())


def feature_statistics(drift: Drift, features: Sequence[Feature], fit: LinearFit | None) -> tuple[DriftStatistic, ...]:
    """Values, residuals and missing rates of these features."""
    found = [_value(drift, one) for one in features]
    found += [
        DriftStatistic(f"{name}, given the others", name, "residual", "wasserstein", drift.numeric_effect)
        for name in (fit.names if fit else ())
        if name not in drift.columns
    ]
    found += [
        DriftStatistic(f"{one.name} is missing", one.name, "missing", "difference", drift.missing_effect)
        for one in features
        if one.kind != "categorical"
    ]
    return tuple(found)


def _value(drift: Drift, feature: Feature) -> DriftStatistic:
    is_category = feature.kind == "categorical"
    method: Method = drift.categorical_method if is_category else drift.numeric_method
    effect = drift.categorical_effect if is_category else drift.numeric_effect
    if own := drift.columns.get(feature.name):
        method, effect = own.method, own.effect
    return DriftStatistic(feature.name, feature.name, "value", method, effect)


def prediction_statistic(drift: Drift, task: Task) -> DriftStatistic:
    """The positive class's probability, the value, or the class."""
    method: Method = drift.categorical_method if task == "multiclass" else drift.numeric_method
    return DriftStatistic(PREDICTION_COLUMN, PREDICTION_COLUMN, "prediction", method, drift.prediction_effect)


def label_statistic(drift: Drift, target: str, task: Task) -> DriftStatistic:
    """The target: shares of classes by their largest difference, or values."""
    method: Method = drift.numeric_method if task == "regression" else "jensenshannon"
    return DriftStatistic(target, target, "label", method, drift.label_effect)


def values_of(statistic: DriftStatistic, table: Columns, residuals: Columns) -> npt.NDArray[Any]:
    """The column [rows] that this statistic compares."""
    if statistic.kind == "residual":
        return residuals[statistic.source]
    values = table[statistic.source]
    if statistic.kind == "missing":
        return np.isnan(values.astype(np.float64)).astype(np.float64)
    return values
